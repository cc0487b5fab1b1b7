"""A replay of the place-recognition node: judgement, plots, report, view."""

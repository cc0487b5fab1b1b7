"""A replay of the tracking node: figures, plots, report, view."""

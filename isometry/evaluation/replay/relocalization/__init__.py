"""A replay of relocalisation: judgement, report, view."""

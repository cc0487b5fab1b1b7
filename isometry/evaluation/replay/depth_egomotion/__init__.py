"""A replay of depth and ego-motion: inputs, report, view."""

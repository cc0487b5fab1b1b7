"""Replay of a bag through a real node: the recording of its answers, figures, a report, a view."""

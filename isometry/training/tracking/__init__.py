"""Fits of what the scores of a detector mean for tracks."""

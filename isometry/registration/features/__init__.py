"""Hypotheses from learned features of points."""

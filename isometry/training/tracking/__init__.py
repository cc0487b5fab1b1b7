"""Fits of the confidence of tracks to the scores of a detector."""

"""Prediction of the paths of tracked objects."""

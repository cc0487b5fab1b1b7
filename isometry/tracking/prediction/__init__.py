"""Prediction of where tracked objects will be."""

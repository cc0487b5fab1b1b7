"""Metrics, replay and reports."""

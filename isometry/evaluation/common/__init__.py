"""Shared by all evaluations: report pages, plots, provenance, statistics, calibration, trajectories."""

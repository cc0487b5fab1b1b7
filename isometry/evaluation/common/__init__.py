"""What all evaluations share: pages, plots, provenance, calibration figures, paths."""

"""Training of the network of place recognition, and of its calibration."""

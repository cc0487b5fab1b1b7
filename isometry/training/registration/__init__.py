"""Training of the networks of registration, and of its calibration."""

"""Evaluation of tracking: the AB3DMOT protocol, HOTA, IDF1, velocities, report."""

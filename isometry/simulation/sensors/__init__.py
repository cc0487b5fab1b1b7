"""Simulated sensors, by ray casting: LiDARs and depth cameras."""

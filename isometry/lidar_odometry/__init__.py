"""Odometry from a LiDAR alone: how its carrier has moved since the first scan."""

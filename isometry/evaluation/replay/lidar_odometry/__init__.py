"""A replay of LiDAR odometry: judgement, report, view."""

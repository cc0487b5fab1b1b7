"""A replay of LiDAR odometry: report, view."""

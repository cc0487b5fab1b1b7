"""The node of LiDAR odometry."""

"""LiDAR odometry measured on recordings and in simulated worlds."""

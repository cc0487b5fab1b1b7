"""Odometry from a LiDAR alone: the motion of the robot since the first scan."""

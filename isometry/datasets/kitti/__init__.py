"""Readers of KITTI: scans in all its layouts, odometry, registration pairs, tracking."""

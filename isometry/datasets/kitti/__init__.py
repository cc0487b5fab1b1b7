"""Readers of the layouts that KITTI publishes: odometry, registration pairs, tracking, scans."""

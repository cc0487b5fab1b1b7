"""Readers of published layouts, and of rosbag2 files, which are also written."""

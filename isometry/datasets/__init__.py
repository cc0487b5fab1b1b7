"""Readers of published layouts, simulators and rosbag2."""

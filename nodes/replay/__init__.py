"""Replays a rosbag2 to a running node over DDS, and records its answers."""

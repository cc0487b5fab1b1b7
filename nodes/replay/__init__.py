"""Replays a rosbag2 to a running place-recognition node over DDS, and records what it answers."""

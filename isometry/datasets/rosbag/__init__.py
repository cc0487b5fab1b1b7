"""Reader and writers of rosbag2 files."""

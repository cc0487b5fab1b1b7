"""rosbag2 files: read, and written from recorded drives."""

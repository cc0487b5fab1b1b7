"""A seeded LiDAR simulator: a town, a spinning sensor and a drive, written in KITTI's layout."""

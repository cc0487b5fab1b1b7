"""Moving traffic: roads, vehicles, pedestrians, and LiDAR scans and KITTI directories of them."""

"""LiDAR place recognition: descriptor, place memory, verification, pose."""

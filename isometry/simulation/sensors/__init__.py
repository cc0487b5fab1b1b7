"""Sensors that are cast into a world: LiDARs and depth cameras."""

"""Simulation, all from a seed: worlds of triangles, LiDARs and depth cameras, traffic, drives and pairs of scans."""

"""Worlds made of triangles: towns, streets, buildings, rooms."""

"""Worlds of triangles: towns, streets, buildings, rooms."""

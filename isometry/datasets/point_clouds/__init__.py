"""Parsers of point clouds and meshes, one file for each format: bytes in, points out, nothing believed unchecked."""

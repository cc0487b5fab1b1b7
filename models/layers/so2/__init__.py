"""Layers equivariant to rotations in the plane."""

"""Layers equivariant to motion: one memory for each velocity."""

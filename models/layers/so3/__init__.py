"""Layers equivariant or invariant to rotations in space."""

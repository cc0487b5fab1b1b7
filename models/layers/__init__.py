"""Equivariant building blocks (torch)."""

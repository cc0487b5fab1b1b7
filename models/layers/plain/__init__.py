"""Ordinary layers that the equivariant ones are measured against."""

"""Replay of a bag through a real node, and what is made of it."""

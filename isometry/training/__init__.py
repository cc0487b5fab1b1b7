"""Losses, loops and recipes (torch)."""

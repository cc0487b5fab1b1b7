"""Clouds and bird's-eye images: arrays only."""

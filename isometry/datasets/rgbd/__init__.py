"""Recordings of a moving camera, with or without depth, in each layout in which they are published."""

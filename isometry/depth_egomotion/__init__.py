"""Depth and the motion of a camera: from colour with depth, or from one camera alone."""

"""Evaluation of place recognition: recall, poses, mapping, planar lasers."""

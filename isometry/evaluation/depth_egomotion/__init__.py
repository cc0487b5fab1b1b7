"""Evaluation of the motion of a camera, and of finding it in a map."""

"""Tracking: what moves around the robot, how it moves, and where it will be."""

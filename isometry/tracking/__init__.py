"""Tracking: objects around the robot, their velocities, and their paths ahead."""

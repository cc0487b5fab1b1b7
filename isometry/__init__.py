"""Isometry: ROS 2 perception that gives the same answer whichever way the robot or its sensor is turned."""

__version__ = "0.1.0"

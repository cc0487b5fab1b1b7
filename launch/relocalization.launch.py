"""Locate a robot in a map: `ros2 launch isometry relocalization.launch.py map_file:=/maps/town.pcd rviz:=true`."""

from pathlib import Path

from launch import LaunchDescription

from isometry.nodes.runtime.launching import IMU, ODOM, ODOMETRY, POINTS, describe, flag, lidar_odometry, text


def generate_launch_description() -> LaunchDescription:
    topics = {
        "points": POINTS,
        "odom": ODOM,
        "imu": IMU,
        "initialpose": "topic of initial pose estimates, and of the poses where the robot was found",
    }
    parameters = [
        text("map_file", "PCD, PLY, LAS or LAZ file of the map"),
        text("memory_file", "place memory, instead of map_file"),
        ODOMETRY,
        flag("publish_tf", True, "publish map -> odom on /tf"),
        flag(
            "publish_initialpose",
            False,
            "publish where the robot was found on initialpose, for nav2 or robot_localization",
        ),
    ]
    return describe("relocalization", topics, parameters, others=lidar_odometry(Path(__file__).parent))

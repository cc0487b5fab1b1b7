"""Track moving objects: `ros2 launch isometry tracking.launch.py points:=/velodyne_points rviz:=true`."""

from pathlib import Path

from launch import LaunchDescription

from isometry.nodes.runtime.launching import ODOM, ODOMETRY, POINTS, choice, describe, flag, lidar_odometry


def generate_launch_description() -> LaunchDescription:
    topics = {
        "points": POINTS,
        "detections": "topic of the vision_msgs/Detection3DArray",
        "odom": ODOM,
    }
    parameters = [
        choice("input", ["points", "detections"], "track objects found in the points, or the detections of a detector"),
        ODOMETRY,
        flag("publish_tf", False, "with odometry:=none: publish odom -> base_link on /tf"),
    ]
    return describe("tracking", topics, parameters, others=lidar_odometry(Path(__file__).parent))

"""Track moving objects: `ros2 launch isometry tracking.launch.py points:=/velodyne_points rviz:=true`."""

from pathlib import Path

from launch import LaunchDescription

from isometry.nodes.runtime.launching import choice, describe, flag, lidar_odometry


def generate_launch_description() -> LaunchDescription:
    topics = {
        "points": "topic of the sensor_msgs/PointCloud2",
        "detections": "topic of the vision_msgs/Detection3DArray",
        "odom": "topic of the nav_msgs/Odometry",
    }
    parameters = [
        choice("input", ["points", "detections"], "track objects found in the points, or the detections of a detector"),
        choice(
            "odometry",
            ["tf", "topic", "none"],
            "odometry from TF, from a topic, or estimated by the node itself from the points",
        ),
        flag("publish_tf", False, "with odometry:=none: publish odom -> base_link on /tf"),
    ]
    return describe("tracking", topics, parameters, others=lidar_odometry(Path(__file__).parent))

"""Start LiDAR odometry: `ros2 launch isometry lidar_odometry.launch.py points:=/velodyne_points`."""

from launch import LaunchDescription

from isometry.nodes.runtime.launching import POINTS, describe, flag


def generate_launch_description() -> LaunchDescription:
    topics = {
        "points": POINTS,
        "odom": "topic of the nav_msgs/Odometry to publish",
    }
    return describe(
        "lidar_odometry", topics, [flag("publish_tf", True, "publish odom -> base_link on /tf")], rviz=False
    )

"""Start place recognition: `ros2 launch isometry place_recognition.launch.py points:=/velodyne_points rviz:=true`."""

from launch import LaunchDescription

from isometry.nodes.runtime.launching import IMU, ODOM, POINTS, choice, describe, flag, text


def generate_launch_description() -> LaunchDescription:
    topics = {
        "points": POINTS,
        "odom": ODOM,
        "imu": IMU,
    }
    parameters = [
        choice("odometry", ["tf", "topic"], "odometry from TF or from a topic"),
        choice("mode", ["mapping", "localization"], "extend the memory, or only find the robot in it"),
        text("memory_file", "file of the place memory"),
        flag("autosave", False, "write every keyframe to memory_file"),
        flag("publish_tf", True, "publish map -> odom on /tf"),
    ]
    return describe("place_recognition", topics, parameters)

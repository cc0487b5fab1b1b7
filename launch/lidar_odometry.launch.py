"""Start LiDAR odometry: `ros2 launch isometry lidar_odometry.launch.py points:=/velodyne_points`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CHOICES = ["true", "false"]


def generate_launch_description() -> LaunchDescription:
    config = Path(get_package_share_directory("isometry")) / "config"
    arguments = [
        DeclareLaunchArgument("namespace", default_value="", description="namespace of the node and its topics"),
        DeclareLaunchArgument("points", default_value="points", description="topic of the sensor_msgs/PointCloud2"),
        DeclareLaunchArgument("odom", default_value="odom", description="topic of the nav_msgs/Odometry to publish"),
        DeclareLaunchArgument(
            "publish_tf", default_value="true", choices=CHOICES, description="publish odom -> base_link on /tf"
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", choices=CHOICES, description="time from /clock (bags)"
        ),
        DeclareLaunchArgument(
            "autostart", default_value="true", choices=CHOICES, description="configure and activate at once"
        ),
        DeclareLaunchArgument(
            "parameters_file",
            default_value=str(config / "lidar_odometry.yaml"),
            description="further parameters",
        ),
    ]
    # Fast DDS as it comes loses large clouds between processes; a profile that is already set is left alone.
    dds = SetEnvironmentVariable(
        "FASTDDS_DEFAULT_PROFILES_FILE",
        EnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", default_value=str(config / "fastdds.xml")),
    )
    odometry = Node(
        package="isometry",
        executable="lidar_odometry_node",
        name="lidar_odometry",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("parameters_file"),
            {
                name: ParameterValue(LaunchConfiguration(name), value_type=bool)
                for name in ["publish_tf", "use_sim_time", "autostart"]
            },
        ],
        remappings=[(name, LaunchConfiguration(name)) for name in ["points", "odom"]],
    )
    return LaunchDescription([*arguments, dds, odometry])

"""Locate a robot in a map: `ros2 launch isometry relocalization.launch.py map_file:=/maps/town.pcd rviz:=true`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CHOICES = ["true", "false"]


def generate_launch_description() -> LaunchDescription:
    config = Path(get_package_share_directory("isometry")) / "config"
    arguments = [
        DeclareLaunchArgument("namespace", default_value="", description="namespace of the nodes and their topics"),
        DeclareLaunchArgument("points", default_value="points", description="topic of the sensor_msgs/PointCloud2"),
        DeclareLaunchArgument("odom", default_value="odom", description="topic of the nav_msgs/Odometry"),
        DeclareLaunchArgument("imu", default_value="imu", description="topic of the sensor_msgs/Imu, if there is one"),
        DeclareLaunchArgument(
            "initialpose", default_value="initialpose", description="topic of guesses, and of what is found"
        ),
        DeclareLaunchArgument("map_file", default_value="", description="PCD, PLY, LAS or LAZ file of the map"),
        DeclareLaunchArgument("memory_file", default_value="", description="place memory, instead of map_file"),
        DeclareLaunchArgument(
            "odometry",
            default_value="tf",
            choices=["tf", "topic", "none"],
            description="odometry from TF, from a topic, or followed in the points by the node itself",
        ),
        DeclareLaunchArgument(
            "lidar_odometry", default_value="true", choices=CHOICES, description="start LiDAR odometry too"
        ),
        DeclareLaunchArgument(
            "publish_tf", default_value="true", choices=CHOICES, description="publish map -> odom on /tf"
        ),
        DeclareLaunchArgument(
            "publish_initialpose",
            default_value="false",
            choices=CHOICES,
            description="tell nav2 or robot_localization on initialpose where the robot was found",
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", choices=CHOICES, description="time from /clock (bags)"
        ),
        DeclareLaunchArgument(
            "autostart", default_value="true", choices=CHOICES, description="configure and activate at once"
        ),
        DeclareLaunchArgument(
            "parameters_file", default_value=str(config / "relocalization.yaml"), description="further parameters"
        ),
        DeclareLaunchArgument(
            "odometry_parameters_file",
            default_value=str(config / "lidar_odometry.yaml"),
            description="further parameters of LiDAR odometry",
        ),
        DeclareLaunchArgument("rviz", default_value="false", choices=CHOICES, description="start rviz2 too"),
    ]
    # Fast DDS as it comes loses large clouds between processes; a profile that is already set is left alone.
    dds = SetEnvironmentVariable(
        "FASTDDS_DEFAULT_PROFILES_FILE",
        EnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", default_value=str(config / "fastdds.xml")),
    )
    passed_on = ["namespace", "points", "odom", "use_sim_time", "autostart"]
    odometry = GroupAction(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).parent / "lidar_odometry.launch.py")),
                launch_arguments=[
                    *((name, LaunchConfiguration(name)) for name in passed_on),
                    ("publish_tf", "true"),  # whatever is said of map -> odom, which would hang in the air without it
                    ("parameters_file", LaunchConfiguration("odometry_parameters_file")),
                ],
            )
        ],
        condition=IfCondition(LaunchConfiguration("lidar_odometry")),
    )
    flags = ["publish_tf", "publish_initialpose", "use_sim_time", "autostart"]
    relocalization = Node(
        package="isometry",
        executable="relocalization_node",
        name="relocalization",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("parameters_file"),
            {name: ParameterValue(LaunchConfiguration(name), value_type=bool) for name in flags},
            {
                name: ParameterValue(LaunchConfiguration(name), value_type=str)
                for name in ["map_file", "memory_file", "odometry"]
            },
        ],
        remappings=[(name, LaunchConfiguration(name)) for name in ["points", "odom", "imu", "initialpose"]],
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(config / "relocalization.rviz")],
        parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return LaunchDescription([*arguments, dds, relocalization, rviz, odometry])

"""Start place recognition: `ros2 launch isometry place_recognition.launch.py points:=/velodyne_points rviz:=true`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CHOICES = ["true", "false"]


def generate_launch_description() -> LaunchDescription:
    config = Path(get_package_share_directory("isometry")) / "config"
    arguments = [
        DeclareLaunchArgument("namespace", default_value="", description="namespace of the node and its topics"),
        DeclareLaunchArgument("points", default_value="points", description="topic of the sensor_msgs/PointCloud2"),
        DeclareLaunchArgument("odom", default_value="odom", description="topic of the nav_msgs/Odometry"),
        DeclareLaunchArgument("imu", default_value="imu", description="topic of the sensor_msgs/Imu, if there is one"),
        DeclareLaunchArgument(
            "odometry", default_value="tf", choices=["tf", "topic"], description="odometry from TF or from a topic"
        ),
        DeclareLaunchArgument(
            "mode",
            default_value="mapping",
            choices=["mapping", "localization"],
            description="extend the memory, or only find the robot in it",
        ),
        DeclareLaunchArgument("memory_file", default_value="", description="file of the place memory"),
        DeclareLaunchArgument(
            "autosave", default_value="false", choices=CHOICES, description="write every keyframe to memory_file"
        ),
        DeclareLaunchArgument(
            "publish_tf", default_value="true", choices=CHOICES, description="publish map -> odom on /tf"
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", choices=CHOICES, description="time from /clock (bags)"
        ),
        DeclareLaunchArgument(
            "autostart", default_value="true", choices=CHOICES, description="configure and activate at once"
        ),
        DeclareLaunchArgument(
            "parameters_file", default_value=str(config / "place_recognition.yaml"), description="further parameters"
        ),
        DeclareLaunchArgument("rviz", default_value="false", choices=CHOICES, description="start rviz2 too"),
    ]
    # Fast DDS as it comes loses large clouds between processes; a profile that is already set is left alone.
    dds = SetEnvironmentVariable(
        "FASTDDS_DEFAULT_PROFILES_FILE",
        EnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", default_value=str(config / "fastdds.xml")),
    )
    flags = ["autosave", "publish_tf", "use_sim_time", "autostart"]
    place_recognition = Node(
        package="isometry",
        executable="place_recognition_node",
        name="place_recognition",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("parameters_file"),
            {name: ParameterValue(LaunchConfiguration(name), value_type=bool) for name in flags},
            {
                name: ParameterValue(LaunchConfiguration(name), value_type=str)
                for name in ["mode", "memory_file", "odometry"]
            },
        ],
        remappings=[(name, LaunchConfiguration(name)) for name in ["points", "odom", "imu"]],
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(config / "place_recognition.rviz")],
        parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return LaunchDescription([*arguments, dds, place_recognition, rviz])

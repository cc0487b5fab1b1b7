"""Track what moves: `ros2 launch isometry tracking.launch.py points:=/velodyne_points rviz:=true`."""

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
        DeclareLaunchArgument(
            "input",
            default_value="points",
            choices=["points", "detections"],
            description="track what is found in the points, or what a detector says",
        ),
        DeclareLaunchArgument("points", default_value="points", description="topic of the sensor_msgs/PointCloud2"),
        DeclareLaunchArgument(
            "detections", default_value="detections", description="topic of the vision_msgs/Detection3DArray"
        ),
        DeclareLaunchArgument("odom", default_value="odom", description="topic of the nav_msgs/Odometry"),
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
            "publish_tf",
            default_value="false",
            choices=CHOICES,
            description="publish odom -> base_link on /tf, where the tracking node finds it itself",
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", choices=CHOICES, description="time from /clock (bags)"
        ),
        DeclareLaunchArgument(
            "autostart", default_value="true", choices=CHOICES, description="configure and activate at once"
        ),
        DeclareLaunchArgument(
            "parameters_file", default_value=str(config / "tracking.yaml"), description="further parameters"
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
    odometry = GroupAction(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).parent / "lidar_odometry.launch.py")),
                launch_arguments=[
                    *(
                        (name, LaunchConfiguration(name))
                        for name in ["namespace", "points", "odom", "use_sim_time", "autostart"]
                    ),
                    ("publish_tf", "true"),  # that of this file is for where there is no other odometry
                    ("parameters_file", LaunchConfiguration("odometry_parameters_file")),
                ],
            )
        ],
        condition=IfCondition(LaunchConfiguration("lidar_odometry")),
    )
    tracking = Node(
        package="isometry",
        executable="tracking_node",
        name="tracking",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("parameters_file"),
            {
                name: ParameterValue(LaunchConfiguration(name), value_type=bool)
                for name in ["publish_tf", "use_sim_time", "autostart"]
            },
            {name: ParameterValue(LaunchConfiguration(name), value_type=str) for name in ["input", "odometry"]},
        ],
        remappings=[(name, LaunchConfiguration(name)) for name in ["points", "detections", "odom"]],
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(config / "tracking.rviz")],
        parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return LaunchDescription([*arguments, dds, tracking, rviz, odometry])

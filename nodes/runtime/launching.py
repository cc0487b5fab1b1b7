"""What all launch files share; imports `launch` and `launch_ros` only, as a launch file may run where rclpy is not.

Every launch file has the arguments namespace, use_sim_time, autostart and parameters_file, and sets the Fast DDS
profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"
PACKAGE = "isometry"
POINTS = "topic of the sensor_msgs/PointCloud2"
ODOM = "topic of the nav_msgs/Odometry"
IMU = "topic of the sensor_msgs/Imu, if there is one"


class Parameter(NamedTuple):
    """A launch argument that sets the node's parameter of the same name."""

    name: str
    type: type
    declaration: DeclareLaunchArgument

    @property
    def value(self) -> ParameterValue:
        """The argument's value, of the parameter's type."""
        return ParameterValue(LaunchConfiguration(self.name), value_type=self.type)


def text(name: str, description: str, default: str = "") -> Parameter:
    """A parameter that is any text."""
    return Parameter(name, str, DeclareLaunchArgument(name, default_value=default, description=description))


def choice(name: str, choices: Sequence[str], description: str) -> Parameter:
    """A parameter that is one of some words; the first if not given."""
    declaration = DeclareLaunchArgument(name, default_value=choices[0], choices=choices, description=description)
    return Parameter(name, str, declaration)


def flag(name: str, default: bool, description: str) -> Parameter:
    """A parameter that is true or false."""
    return Parameter(name, bool, _switch(name, default, description))


ODOMETRY = choice(
    "odometry",
    ["tf", "topic", "none"],
    "odometry from TF, from a topic, or estimated by the node itself from the points",
)


def describe(
    node: str,
    topics: Mapping[str, str],
    parameters: Sequence[Parameter],
    rviz: bool = True,
    others: Sequence[Any] = (),
) -> LaunchDescription:
    """The launch description of one node, which may be started beside `others`.

    `topics` are descriptions by the name of a topic; an argument of that name remaps it. The executable is
    `<node>_node`, its parameter file and RViz view are `config/<node>.yaml` and `config/<node>.rviz`.
    """
    all_parameters = [
        *parameters,
        flag("use_sim_time", False, "time from /clock (bags)"),
        flag("autostart", True, "configure and activate at once"),
    ]
    remappings = [(topic, LaunchConfiguration(topic)) for topic in topics]
    process = Node(
        package=PACKAGE,
        executable=f"{node}_node",
        name=node,
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("parameters_file"),
            {parameter.name: parameter.value for parameter in all_parameters},
        ],
        remappings=remappings,
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="namespace of the nodes and their topics"),
            *(DeclareLaunchArgument(topic, default_value=topic, description=topics[topic]) for topic in topics),
            *(parameter.declaration for parameter in all_parameters),
            _parameters_file("parameters_file", node, "further parameters"),
            _fast_dds_profile(),
            process,
            *(_rviz(node, remappings) if rviz else ()),
            *others,
        ]
    )


def lidar_odometry(folder: Path) -> list[Any]:
    """LiDAR odometry beside another node, if the argument lidar_odometry is true; `folder` has its launch file."""
    same = ["namespace", "points", "odom", "use_sim_time", "autostart"]
    include = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(folder / "lidar_odometry.launch.py")),
        launch_arguments=[
            *((name, LaunchConfiguration(name)) for name in same),
            ("publish_tf", "true"),  # the argument of that name is about the other node's transform
            ("parameters_file", LaunchConfiguration("odometry_parameters_file")),
        ],
    )
    return [
        _switch("lidar_odometry", True, "start LiDAR odometry too"),
        _parameters_file("odometry_parameters_file", "lidar_odometry", "further parameters of LiDAR odometry"),
        GroupAction([include], condition=IfCondition(LaunchConfiguration("lidar_odometry"))),
    ]


def _rviz(node: str, remappings: Sequence[tuple[str, LaunchConfiguration]]) -> list[Any]:
    """RViz with the view of a node. Topics in a view are relative, so that it needs the node's namespace and topics."""
    view = Node(
        package="rviz2",
        executable="rviz2",
        name=f"{node}_rviz",
        namespace=LaunchConfiguration("namespace"),
        remappings=remappings,
        arguments=["-d", _config(f"{node}.rviz")],
        parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return [_switch("rviz", False, "start rviz2 too"), view]


def _fast_dds_profile() -> SetEnvironmentVariable:
    """By default, Fast DDS loses large clouds between processes; a profile that is already set is kept."""
    return SetEnvironmentVariable(PROFILES, EnvironmentVariable(PROFILES, default_value=_config("fastdds.xml")))


def _switch(name: str, default: bool, description: str) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        name, default_value=str(default).lower(), choices=["true", "false"], description=description
    )


def _parameters_file(name: str, node: str, description: str) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(name, default_value=_config(f"{node}.yaml"), description=description)


def _config(name: str) -> str:
    return str(Path(get_package_share_directory(PACKAGE)) / "config" / name)

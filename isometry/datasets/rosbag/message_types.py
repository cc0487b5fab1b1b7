"""The types of messages that are read from bags and written into them, as ROS 2 defines them."""

from __future__ import annotations

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

POINT_CLOUD, IMU = "sensor_msgs/msg/PointCloud2", "sensor_msgs/msg/Imu"
DETECTIONS, DETECTIONS_2D = "vision_msgs/msg/Detection3DArray", "vision_msgs/msg/Detection2DArray"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
ODOMETRY, TRANSFORMS = "nav_msgs/msg/Odometry", "tf2_msgs/msg/TFMessage"
POSE, POSE_WITH_COVARIANCE = "geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped"
RENAMED = {"tf/msg/tfMessage": TRANSFORMS}
"""Types of ROS 1 that have the content of a type of ROS 2 and another name."""
VISION = {
    "Point2D": "float64 x\nfloat64 y",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "ObjectHypothesisWithPose": "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "Detection3D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox3D bbox\nstring id",
    "Detection3DArray": "std_msgs/Header header\nDetection3D[] detections",
    "Detection2D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id",
    "Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
}
"""Definitions of the vision_msgs that are used, which the rosbags library lacks."""


def ros2_types() -> Typestore:
    """A store of the definitions of ROS 2 Humble, and of `VISION`."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, text in VISION.items():
        store.register(get_types_from_msg(text, f"vision_msgs/msg/{name}"))
    return store


def ros2_name(message_type: str) -> str:
    """The name that ROS 2 has for a type of a bag."""
    return RENAMED.get(message_type, message_type)

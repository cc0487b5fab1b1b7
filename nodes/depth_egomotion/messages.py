"""Messages out of the types of depth and ego-motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from isometry.arrays import Array
from isometry.depth_egomotion.frame import RectifiedFrame
from isometry.nodes.depth_egomotion.course import BodyMotion
from isometry.nodes.runtime import messages
from isometry.sensing.normals import normals


@dataclass(frozen=True, eq=False)
class DenseView:
    """An image with its depth, measured or predicted."""

    seen: RectifiedFrame
    normals: NDArray[np.float32] | None = None  # (H,W,3) as a network says them; None: those of the depth
    depth_sigma: NDArray[np.float32] | None = None  # (H,W) metres; None: not known


def to_odometry(motion: BodyMotion, odom_frame: str, body_frame: str) -> Odometry:
    """The pose of a body in `odom_frame`, and its twist in its own frame, both with their covariances."""
    message = Odometry(child_frame_id=body_frame)
    message.header.frame_id, message.header.stamp = odom_frame, messages.to_stamp(motion.stamp_ns)
    message.pose.pose = messages.to_pose(motion.T_odom_body)
    message.pose.covariance = motion.covariance.reshape(-1)
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = motion.twist.tolist()
    message.twist.covariance = motion.twist_covariance.reshape(-1)
    return message


def to_depth(view: DenseView, header: Header) -> Image:
    """Depth as 32FC1 in metres, NaN where it is not known (REP 118)."""
    return _to_image(_known_depth(view), "32FC1", header)


def to_depth_sigma(view: DenseView, header: Header) -> Image:
    """Standard deviation of the depth as 32FC1 in metres, NaN where it is not known."""
    known = _known_depth(view)
    return _to_image(np.full_like(known, np.nan) if view.depth_sigma is None else view.depth_sigma, "32FC1", header)


def to_normals(view: DenseView, header: Header) -> Image:
    """Unit normals towards the camera as 32FC3: x right, y down, z forward; NaN where none is known."""
    assert view.seen.depth is not None
    found = normals(view.seen.depth, view.seen.matrix) if view.normals is None else view.normals
    return _to_image(found, "32FC3", header)


def to_camera_info(view: DenseView, header: Header) -> CameraInfo:
    """The ideal camera of depth and normals."""
    height, width = view.seen.shape
    info = CameraInfo(header=header, height=height, width=width, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k, info.r = view.seen.matrix.ravel(), np.eye(3).ravel()
    info.p = np.hstack([view.seen.matrix, np.zeros((3, 1))]).ravel()
    return info


def to_points(view: DenseView, header: Header) -> PointCloud2:
    """An organised cloud of x, y, z in metres in the camera's optical frame, and colours; NaN where not known."""
    seen, depth = view.seen, _known_depth(view)
    height, width = seen.shape
    v, u = np.mgrid[:height, :width]
    points = np.zeros((height, width, 4), "<f4")
    points[..., 0] = (u - seen.matrix[0, 2]) / seen.matrix[0, 0] * depth
    points[..., 1] = (v - seen.matrix[1, 2]) / seen.matrix[1, 1] * depth
    points[..., 2] = depth
    points.view(np.uint8).reshape(height, width, 16)[..., 12:15] = seen.colour[..., ::-1]
    message = PointCloud2(header=header, height=height, width=width, is_bigendian=False, is_dense=False)
    message.fields = [
        PointField(name=name, offset=4 * column, datatype=PointField.FLOAT32, count=1)
        for column, name in enumerate(("x", "y", "z", "rgb"))
    ]
    message.point_step, message.row_step = 16, 16 * width
    message.data = points.tobytes()
    return message


def _known_depth(view: DenseView) -> NDArray[np.float32]:
    depth = view.seen.depth
    assert depth is not None
    return np.where(depth > 0.0, depth, np.nan).astype("<f4")


def _to_image(pixels: Array | NDArray[np.float32], encoding: str, header: Header) -> Image:
    height, width = pixels.shape[:2]
    content = pixels.astype("<f4").tobytes()
    return Image(
        header=header, height=height, width=width, encoding=encoding, step=len(content) // height, data=content
    )

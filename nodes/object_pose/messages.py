"""Messages to and from the types of object poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import ColorRGBA, Header
from vision_msgs.msg import Detection2D, Detection2DArray, Detection3D, Detection3DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker, MarkerArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.nodes.runtime import messages
from isometry.object_pose.library import KnownObject
from isometry.object_pose.overlay import hue
from isometry.object_pose.pipeline import LocatedObject, ObjectPoseStep
from isometry.object_pose.regions import Box, objects_of_labels, region_of_box
from isometry.object_pose.thinning import thinned
from isometry.object_pose.view import Found
from isometry.sensing.cameras import Camera
from isometry.sensing.images import decode_labels

Shown = frozenset[tuple[str, int]]  # namespace and id of markers
MOST_FACES_SHOWN = 800  # of an object's marker: each message carries them
ALPHA = 0.8
NOWHERE = np.zeros((0, 0), bool)  # the pixels of a detection that is not used


# In.
def from_detections(message: Detection2DArray, camera: Camera, names: Mapping[str, str], most: int) -> list[Found]:
    """The boxes of a message as pixels of the ideal camera. `names` are objects by class id.

    Of several hypotheses the one of the highest score counts; a detection without any is of no object. Boxes that are
    not finite or have no size, and all but the `most` of the highest scores, are given with the reason.
    """
    found = []
    for detection in message.detections:
        hypotheses = [result.hypothesis for result in detection.results]
        best = max(hypotheses, key=lambda hypothesis: hypothesis.score, default=None)
        name = "unnamed" if best is None else names.get(best.class_id, best.class_id)
        found.append((-np.inf if best is None or not np.isfinite(best.score) else best.score, name, detection))
    found.sort(key=lambda each: -each[0])
    used = [_from_detection(detection, name, camera) for _, name, detection in found[:most]]
    return used + [Found(name, NOWHERE, False, reason="too_many") for _, name, _ in found[most:]]


def _from_detection(detection: Detection2D, name: str, camera: Camera) -> Found:
    centre = detection.bbox.center
    box = Box(centre.position.x, centre.position.y, detection.bbox.size_x, detection.bbox.size_y, centre.theta)
    try:
        region = region_of_box(box, camera.shape)
    except ValueError:
        return Found(name, NOWHERE, False, reason="bad_box")
    return Found(name, camera.without_distortion(region), False, detection.id)


def from_labels(
    message: Image, camera: Camera, names: Mapping[str, str], apart: bool, fewest_pixels: int, most: int
) -> list[Found]:
    """The objects of a label image in the ideal camera. `names` are objects by label.

    With `apart`, each connected part of a label is an object; else each label is one; the `most` largest count. Raises
    ValueError for an image that cannot be read or is not of the size of the colour image.
    """
    labels = decode_labels(message)
    if labels.shape != camera.shape:
        size = f"{labels.shape[1]}x{labels.shape[0]}"
        raise ValueError(f"the label image is {size}, and the colour image {camera.width}x{camera.height}")
    numbered = {int(label): name for label, name in names.items()}
    straight = camera.without_distortion(labels)
    objects = objects_of_labels(straight, numbered, apart, fewest_pixels, most)
    return [Found(each.name, each.mask, True, "" if apart else str(each.label)) for each in objects]


# Out.
def to_detections(objects: Sequence[LocatedObject], header: Header) -> Detection3DArray:
    """Objects as 3D detections. The pose of a result is that of the mesh's frame; the box has its sides along its axes.

    An object with several modes has a result for each, the published one first; the covariance is that of the first.
    """
    array = Detection3DArray(header=header)
    for located in objects:
        mesh, own = located.known.model.mesh, located.modes[0]
        detection = Detection3D(header=header, id=located.name)
        T_object_box = se3.from_rotation_translation(np.eye(3), mesh.centre)
        messages.fill_pose(detection.bbox.center, _numbers(located.T_frame_object @ T_object_box))
        size = detection.bbox.size
        size.x, size.y, size.z = np.ptp(mesh.vertices, axis=0).tolist()
        T_frame_camera = located.T_frame_object @ se3.inverse(own.T_camera_object)
        most = max(mode.weight for mode in located.modes)
        for mode in located.modes:
            result = ObjectHypothesisWithPose()
            result.hypothesis.class_id = located.known.name
            result.hypothesis.score = float(located.pose.confidence * mode.weight / most)
            messages.fill_pose(result.pose.pose, _numbers(T_frame_camera @ mode.T_camera_object))
            result.pose.covariance = located.covariance.reshape(-1)
            detection.results.append(result)
        array.detections.append(detection)
    return array


def _numbers(transform: Array) -> list[float]:
    numbers: list[float] = messages.pose_numbers(transform).tolist()
    return numbers


def to_image(pixels: NDArray[np.uint8], header: Header) -> Image:
    """An image rgb8 of pixels (H,W,3)."""
    height, width = pixels.shape[:2]
    return Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width, data=pixels.tobytes())


class Meshes:
    """Markers of objects as triangles, made once for each object: RViz need not read the files of this machine."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[list[Point], list[ColorRGBA]]] = {}

    def markers(self, step: ObjectPoseStep, header: Header, shown: Shown) -> tuple[MarkerArray, Shown]:
        """Meshes and names of the objects, and what is shown now; what was shown before and is gone is deleted."""
        markers = []
        for number, located in enumerate(step.objects):
            mesh = Marker(header=header, ns=located.known.name, id=located.number, type=Marker.TRIANGLE_LIST)
            messages.fill_pose(mesh.pose, _numbers(located.T_frame_object))
            mesh.scale.x = mesh.scale.y = mesh.scale.z = 1.0
            mesh.points, mesh.colors = self._triangles(located.known)
            mesh.color.r, mesh.color.g, mesh.color.b = hue(number)
            mesh.color.a = ALPHA
            name = Marker(header=header, ns="names", id=_identifier(located), type=Marker.TEXT_VIEW_FACING)
            name.text = f"{located.name} {located.pose.confidence:.2f}"
            above = located.T_frame_object[:3, :3] @ located.known.model.mesh.centre + located.T_frame_object[:3, 3]
            name.pose.position.x, name.pose.position.y, name.pose.position.z = above.tolist()
            name.pose.orientation.w = 1.0
            name.scale.z = 0.25 * located.known.model.mesh.diameter
            name.color.r = name.color.g = name.color.b = name.color.a = 1.0
            markers += [mesh, name]
        now = frozenset((marker.ns, marker.id) for marker in markers)
        return MarkerArray(markers=[*deletions(header, shown - now).markers, *markers]), now

    def _triangles(self, known: KnownObject) -> tuple[list[Point], list[ColorRGBA]]:
        if known.name not in self._made:
            mesh = thinned(known.model.mesh, MOST_FACES_SHOWN)
            corners = mesh.faces.ravel()
            points = [Point(x=x, y=y, z=z) for x, y, z in mesh.vertices[corners].tolist()]
            painted = [] if mesh.colours is None else mesh.colours[corners].tolist()
            self._made[known.name] = points, [ColorRGBA(r=r, g=g, b=b, a=ALPHA) for r, g, b in painted]
        return self._made[known.name]


def deletions(header: Header, shown: Shown) -> MarkerArray:
    """What removes markers."""
    gone = [Marker(header=header, ns=ns, id=number, action=Marker.DELETE) for ns, number in sorted(shown)]
    return MarkerArray(markers=gone)


def _identifier(located: LocatedObject) -> int:
    """A number of 31 bits for a name."""
    return crc32(located.name.encode()) % 2**31

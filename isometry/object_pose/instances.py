"""Which object of a kind is which from image to image, and a pose that does not jump between twins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.object_pose.model import ObjectModel
from isometry.object_pose.symmetry_group import SymmetryGroup
from isometry.object_pose.types import ObjectPose, PoseMode

REACH = 1.5  # diameters by which an object may move from one image to the next and keep its number
AS_LIKELY = 0.4  # weight over that of the best mode from which a twin is taken that is nearer to the pose before


@dataclass
class _Instance:
    T_frame_object: Array  # (4,4)
    stamp_ns: int
    tag: str


class Instances:
    """The objects seen lately, by name and number. Poses are in one frame, which should not move with the camera."""

    def __init__(self, forget_after_s: float) -> None:
        self._forget_ns = round(forget_after_s * 1e9)
        self._known: dict[str, dict[int, _Instance]] = {}

    def forget(self) -> None:
        """Begin anew, as when time has jumped."""
        self._known.clear()

    def numbers(
        self,
        name: str,
        T_frame_object: Sequence[Array],
        tags: Sequence[str],
        reach: float,
        stamp_ns: int,
        fixed: Mapping[int, int] = MappingProxyType({}),
    ) -> list[int]:
        """The numbers, from 1, of objects of one kind in one image; each is that of the same object before.

        An object is the same where the detector says so by its tag, else where it is nearest, within `reach` metres.
        Those at the positions in `fixed` have the numbers there.
        """
        known = self._known.setdefault(name, {})
        for number in [n for n, each in known.items() if stamp_ns - each.stamp_ns > self._forget_ns]:
            del known[number]
        found = dict(fixed)  # numbers by position among the poses
        for k, tag in enumerate(tags):
            if k in found:
                continue
            same = next((n for n, each in known.items() if tag and each.tag == tag and n not in found.values()), None)
            if same is not None:
                found[k] = same
        left = [k for k in range(len(T_frame_object)) if k not in found]
        free = [n for n in known if n not in found.values() and not (known[n].tag and known[n].tag in tags)]
        if left and free:
            there = np.array([known[n].T_frame_object[:3, 3] for n in free])
            here = np.array([T_frame_object[k][:3, 3] for k in left])
            apart = np.linalg.norm(here[:, None] - there, axis=2)
            for row, column in zip(*linear_sum_assignment(np.minimum(apart, 1e3 * reach)), strict=True):
                if apart[row, column] <= reach:
                    found[left[row]] = free[column]
        for k in range(len(T_frame_object)):
            if k not in found:
                taken = {*known, *found.values()}
                found[k] = next(n for n in range(1, len(taken) + 2) if n not in taken)
        return [found[k] for k in range(len(T_frame_object))]

    def before(self, name: str, number: int) -> Array | None:
        """T_frame_object (4,4) of an object in the image before, if it was seen."""
        known = self._known.get(name, {}).get(number)
        return None if known is None else known.T_frame_object

    def remember(self, name: str, number: int, T_frame_object: Array, tag: str, stamp_ns: int) -> None:
        """Keep where an object is now."""
        self._known.setdefault(name, {})[number] = _Instance(T_frame_object, stamp_ns, tag)


def nearest_twin(pose: ObjectPose, T_camera_before: Array, model: ObjectModel) -> tuple[PoseMode, ...]:
    """The modes of a result, first the one to publish after an object was at T_camera_before (4,4).

    Where modes are about as likely, the one that is nearest to the pose before comes first: an object does not jump
    between its twins. About a free axis, and by symmetries that colours do not break, each is turned to there as well.
    """
    own = model.symmetry.coloured if model.mesh.colours is not None else SymmetryGroup(np.zeros(3), np.eye(3)[None])
    turned = []
    for mode in pose.modes:
        T = mode.T_camera_object
        if mode.axis is not None:
            T = SymmetryGroup(model.symmetry.shape.centre, np.eye(3)[None], mode.axis).nearest(T_camera_before, T)
        turned.append(PoseMode(own.nearest(T_camera_before, T), mode.weight, mode.axis))
    likely = [k for k, mode in enumerate(turned) if mode.weight >= AS_LIKELY * turned[0].weight]
    apart = Rotation.from_matrix(
        np.array([turned[k].T_camera_object[:3, :3] @ T_camera_before[:3, :3].T for k in likely])
    ).magnitude()
    first = likely[int(np.argmin(apart))]
    return (turned[first], *(mode for k, mode in enumerate(turned) if k != first))

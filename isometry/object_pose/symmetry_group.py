"""Turns that leave an object as it is, and angles between orientations up to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3


@dataclass(frozen=True, eq=False)
class SymmetryGroup:
    """Turns about a fixed point of the object. Without symmetry it has the identity alone."""

    centre: Array  # (3,) metres, in the object's frame
    turns: Array  # (S,3,3), the identity first
    axis: Array | None = None  # (3,) unit: each of the turns, and then any turn about this axis
    sphere: bool = False  # any turn at all

    @property
    def continuous(self) -> bool:
        """Whether there are infinitely many turns."""
        return self.sphere or self.axis is not None

    def rotations(self, step: float) -> Array:
        """All turns (N,3,3); about an axis, one every `step` radians. A sphere gives the identity alone."""
        if self.axis is None:
            return self.turns
        count = max(int(np.ceil(2.0 * np.pi / step)), 1)
        around = Rotation.from_rotvec(np.outer(2.0 * np.pi * np.arange(count) / count, self.axis)).as_matrix()
        every: Array = np.einsum("aij,sjk->asik", around, self.turns).reshape(-1, 3, 3)
        return every

    def transforms(self, step: float) -> Array:
        """The same as transforms (N,4,4) of the object's frame."""
        return turned_about(self.centre, self.rotations(step))

    def angle(self, estimated: Array, true: Array) -> float:
        """The smallest angle in radians between rotations (3,3) of the object, over all turns. Exact about an axis."""
        if self.sphere:
            return 0.0
        relative = true.T @ estimated @ np.swapaxes(self.turns, 1, 2)
        if self.axis is None:
            return float(Rotation.from_matrix(relative).magnitude().min())
        # turns about the axis can undo all but what they do to the axis itself
        moved = relative @ self.axis
        return float(np.arctan2(np.linalg.norm(np.cross(moved, self.axis), axis=1), moved @ self.axis).min())

    def nearest(self, T_estimated: Array, T_true: Array) -> Array:
        """The pose (4,4) that cannot be told from T_true (4,4) and whose rotation is nearest to T_estimated (4,4)."""
        relative = T_true[:3, :3].T @ T_estimated[:3, :3]
        if self.sphere:
            turn = relative
        else:
            turns = self.turns
            if self.axis is not None:
                turns = np.array([_twist(relative @ turn.T, self.axis) @ turn for turn in turns])
            left = Rotation.from_matrix(relative @ np.swapaxes(turns, 1, 2)).magnitude()
            turn = turns[int(np.argmin(left))]
        moved = se3.from_rotation_translation(turn, self.centre - turn @ self.centre)
        return np.asarray(T_true @ moved)


def _twist(rotation: Array, axis: Array) -> Array:
    """The part (3,3) of a rotation (3,3) that is about an axis (3,), after which the rest moves the axis straight."""
    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    angle = 2.0 * np.arctan2(float(np.dot([x, y, z], axis)), w)
    matrix: Array = Rotation.from_rotvec(angle * axis).as_matrix()
    return matrix


def turned_about(centre: Array, turns: Array) -> Array:
    """Transforms (N,4,4) that turn by rotations (N,3,3) and leave a point (3,) where it is."""
    moved = np.tile(np.eye(4), (len(turns), 1, 1))
    moved[:, :3, :3] = turns
    moved[:, :3, 3] = centre - turns @ centre
    return moved

"""What goes into an estimator of object poses, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array, Flags

if TYPE_CHECKING:
    from isometry.object_pose.model import ObjectModel

Reason = Literal["ok", "ambiguous", "no_depth", "other_size", "no_hypothesis", "several", "too_much_cut"]


class UnusableObservationError(ValueError):
    """Images that cannot belong together or to one camera; the message has the reason in one line."""


@dataclass(frozen=True, eq=False)
class Observation:
    """One object in one image. The depth is registered to the colour, and both are free of lens distortion."""

    colour: NDArray[np.uint8]  # (H,W,3) red, green, blue
    depth: Array  # (H,W) metres along the optical axis; 0 or NaN where nothing was measured
    mask: Flags  # (H,W) pixels that show the object
    camera: Array  # (3,3) intrinsic matrix, pixels
    exact: bool = True  # whether the mask ends where what is seen of the object does; else only where depth steps back

    def __post_init__(self) -> None:
        """Raises UnusableObservationError for images of other types or sizes, and for a matrix of no camera."""
        if self.colour.dtype != np.uint8 or self.colour.ndim != 3 or self.colour.shape[2] != 3:
            said = f"colour {self.colour.shape} of {self.colour.dtype}"
            raise UnusableObservationError(f"{said}: it must be (H,W,3) of uint8")
        if self.mask.dtype != bool:
            raise UnusableObservationError(f"a mask of {self.mask.dtype}: it must be of bool")
        shapes = {"colour": self.colour.shape[:2], "depth": self.depth.shape, "mask": self.mask.shape}
        if len(set(shapes.values())) > 1:
            listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise UnusableObservationError(f"images of different sizes: {listed}")
        if np.shape(self.camera) != (3, 3) or not np.isfinite(self.camera).all() or min(np.diag(self.camera)) <= 0.0:
            raise UnusableObservationError("the camera matrix must be 3x3 with focal lengths above 0")


@dataclass(frozen=True, eq=False)
class PoseMode:
    """One of the poses that explain an observation."""

    T_camera_object: Array  # (4,4), the camera's frame is optical: x right, y down, z forward
    weight: float  # share of the probability of all modes; together they have 1
    axis: Array | None = None  # (3,) unit, in the object's frame: any turn about it explains the observation as well


@dataclass(frozen=True, eq=False)
class ObjectPose:
    """The result for one object in one image.

    Reasons: "ok": one pose explains the observation best; "ambiguous": several do, the `modes`, or any turn about the
    axis of a mode; without a pose, "no_depth": too little was measured on the object, "other_size": what was measured
    cannot be of the object's size: the wrong object, or the wrong unit of depth or mesh, "no_hypothesis": no pose comes
    near to what was measured, "several": the mask shows more than one object explains,
    "too_much_cut": the border of the image cuts it on several sides.
    """

    modes: tuple[PoseMode, ...]  # best first; empty without a pose
    covariance: Array  # (6,6) of the first mode: x, y, z, roll, pitch, yaw in the camera's frame; metres, radians
    confidence: float  # probability, 0 to 1, that the first mode is right
    reason: Reason
    evidence: dict[str, float] = field(
        default_factory=dict
    )  # from which confidence and detection are computed, by name
    seconds: dict[str, float] = field(default_factory=dict)  # duration of each stage

    @property
    def T_camera_object(self) -> Array | None:
        """The best pose (4,4), if there is one."""
        return self.modes[0].T_camera_object if self.modes else None


class PoseEstimator(Protocol):
    """A method that finds the pose of an object whose model is given."""

    name: str

    def estimate(self, observation: Observation, model: ObjectModel) -> ObjectPose:
        """The poses of the object that explain an observation, or the reason why there are none."""
        ...


def refusal(reason: Reason) -> ObjectPose:
    """The result without a pose."""
    return ObjectPose((), np.eye(6) * 1e6, 0.0, reason)

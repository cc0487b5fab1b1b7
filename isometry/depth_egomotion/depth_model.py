"""Depth from one image by an exported network, this package's own or another's; see `depth_contract.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.depth_egomotion.depth_contract import TASK, DepthModelFormat, Placement, format_of, placement
from isometry.depth_egomotion.frame import rectified
from isometry.depth_egomotion.types import CameraFrame
from isometry.inference import WEIGHTS, Model, ModelMismatchError, ProviderParameters
from isometry.sensing.cameras import Camera
from isometry.sensing.normals import normals as normals_of

DEFAULT = WEIGHTS / "depth.onnx"
FLOAT = "tensor(float)"
LOG_SCALE, NORMALS = "log_scale", "normals"
LEAST_INVERSE = 1e-4  # 1/metres: beyond ten kilometres an inverse depth tells nothing


@dataclass(frozen=True, eq=False)
class DepthEstimate:
    """What a network says of one image, at the image's pixels, as an ideal lens in front of its camera sees them."""

    depth: NDArray[np.float32]  # (H,W) metres along the optical axis
    sigma: NDArray[np.float32] | None  # (H,W) standard deviation of the depth, metres; None: the file has none
    normals: NDArray[np.float32]  # (H,W,3) unit, towards the camera, in its optical frame; NaN where not known
    normals_predicted: bool  # whether the network says them; else they are derived from the depth

    def points(self, camera: Camera) -> NDArray[np.float32]:
        """The point map (H,W,3), metres in the camera's optical frame: depth and camera say all of it."""
        v, u = np.mgrid[: self.depth.shape[0], : self.depth.shape[1]]
        rays = np.stack([u, v, np.ones(self.depth.shape)], axis=2) @ np.linalg.inv(camera.matrix).T
        return np.asarray(rays * self.depth[..., None], np.float32)


class DepthModel:
    """Runs a depth network from its exported file."""

    def __init__(self, model: Model) -> None:
        """Raises ModelMismatchError, naming the file, for one whose input or format is not of the contract."""
        self.model = model
        self.form: DepthModelFormat = format_of(model)
        self._outputs = [output.name for output in model.session.get_outputs()]
        inputs = model.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != FLOAT or not _one_image(inputs[0].shape):
            raise ModelMismatchError(f"{model.path}: it must take one image, float32 (1, 3, height, width)")
        self._input = inputs[0].name
        fixed = [size for size in inputs[0].shape[2:] if isinstance(size, int)]
        if fixed and fixed != [self.form.height, self.form.width]:
            size = f"{self.form.height}x{self.form.width}" if self.form.height else "any"
            raise ModelMismatchError(f"{model.path}: takes {fixed[0]}x{fixed[-1]} pixels, and its format says {size}")

    @classmethod
    def load(cls, path: Path | None = None, threads: int = 1, provider: ProviderParameters | None = None) -> DepthModel:
        """Open a model file, by default the shipped one; see `Model`, which raises ModelMismatchError."""
        return cls(Model(path or DEFAULT, TASK, threads, provider))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def sha256(self) -> str:
        """Of the model file."""
        return self.model.sha256

    def predict(self, colour: NDArray[np.uint8], camera: Camera) -> DepthEstimate:
        """Depth of an image (H,W,3) of a camera, whose lens is straightened first.

        Raises ValueError for an image that is not of the camera's size, and for an output that is no depth.
        """
        straight = rectified(CameraFrame(colour, camera)).colour
        laid = placement(camera.shape, self.form)
        outputs = self.model.run({self._input: self._laid_out(straight, laid)})
        found = dict(zip(self._outputs, outputs, strict=True))
        small = self._metres(self._cut(found[self._outputs[0]], laid), float(_reduced(camera, laid)[1, 1]))
        depth = _resized(small, camera.shape)
        sigma = self._relative_sigma(found, laid, camera.shape)
        own = self.form.own_normals and NORMALS in found
        if own:
            facing = np.stack([self._cut(found[NORMALS][:, k], laid) for k in range(3)], axis=2)
            facing = _resized(facing, camera.shape)
        else:  # of the depth as the network gave it: between its pixels there is nothing to learn of a surface
            facing = _resized(normals_of(small, _reduced(camera, laid)), camera.shape)
        facing /= np.maximum(np.linalg.norm(facing, axis=2, keepdims=True), 1e-6)
        return DepthEstimate(depth, None if sigma is None else depth * sigma, facing, own)

    def _laid_out(self, colour: NDArray[np.uint8], laid: Placement) -> NDArray[np.float32]:
        """The network's input (1,3,h,w)."""
        height, width = laid.content
        way = cv2.INTER_AREA if height < len(colour) else cv2.INTER_LINEAR
        small = cv2.resize(colour, (width, height), interpolation=way)
        mean, deviation = np.array(self.form.mean, np.float32), np.array(self.form.deviation, np.float32)
        image = np.zeros((1, 3, *laid.shape), np.float32)
        image[(..., *laid.inside)] = ((small.astype(np.float32) / 255.0 - mean) / deviation).transpose(2, 0, 1)
        return image

    def _cut(self, output: NDArray[np.float32], laid: Placement) -> NDArray[np.float32]:
        """The part of an output (1,h,w) or (1,1,h,w) that shows the image."""
        rows, columns = output.shape[-2:] if output.ndim > 2 else (0, 0)
        if output.size != rows * columns or laid.shape[0] % rows or laid.shape[1] % columns:
            raise ModelMismatchError(f"{self.model.path}: an output {output.shape} for an input of {laid.shape} pixels")
        whole = output.reshape(rows, columns)
        return (whole if (rows, columns) == laid.shape else _resized(whole, laid.shape))[laid.inside]

    def _metres(self, output: NDArray[np.float32], focal: float) -> NDArray[np.float32]:
        """Depth in metres of an output (h,w) of a camera of `focal` pixels at the network's size."""
        if self.form.output == "inverse":
            inverse = self.form.inverse_scale * output + self.form.inverse_shift
            depth = 1.0 / np.maximum(inverse, LEAST_INVERSE)
        elif self.form.output == "focal_normalised":
            depth = output * (focal / self.form.focal)
        else:
            depth = output
        if not np.isfinite(depth).all() or (depth <= 0.0).any():
            raise ValueError(f"{self.model.path}: its depth is not above 0 everywhere: is it {self.form.output}?")
        return np.asarray(depth, np.float32)

    def _relative_sigma(
        self, found: dict[str, NDArray[np.float32]], laid: Placement, shape: tuple[int, int]
    ) -> NDArray[np.float32] | None:
        """Standard deviation (H,W) of ln(depth); None where the file does not say it."""
        if self.form.sigma_factor and LOG_SCALE in found:
            own = self.form.sigma_factor * np.exp(_resized(self._cut(found[LOG_SCALE], laid), shape))
        elif self.form.sigma_floor:
            own = np.zeros(shape, np.float32)
        else:
            return None
        return np.asarray(np.hypot(own, self.form.sigma_floor), np.float32)


def _one_image(shape: Sequence[int | str]) -> bool:
    """Whether an input may be (1,3,H,W); a side that is a name may have any size."""
    return len(shape) == 4 and all(
        isinstance(found, str) or found == side for found, side in zip(shape[:2], (1, 3), strict=True)
    )


def _reduced(camera: Camera, laid: Placement) -> Array:
    """The matrix (3,3) of a camera whose images are as large as they lie in the input."""
    scales = np.array([laid.content[1] / camera.width, laid.content[0] / camera.height])
    matrix = camera.matrix.copy()
    matrix[:2, 2] += 0.5  # from the middle of the first pixel to its corner
    matrix[:2] *= scales[:, None]
    matrix[:2, 2] -= 0.5
    return matrix


def _resized(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Values (h,w,...) at the pixels of an image."""
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

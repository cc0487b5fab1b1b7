"""The methods that follow a camera, by name."""

from __future__ import annotations

from isometry.depth_egomotion.baseline import GicpToKeyframe
from isometry.depth_egomotion.mono import DepthPredictor, MonoEgoMotion
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.pipeline import RgbdEgoMotion
from isometry.depth_egomotion.types import EgoMotion

METHODS = ("rgbd", "mono", "gicp")
"""`gicp` is the plain one: each depth image is aligned with the last keyframe."""


def build(name: str, parameters: EgoMotionParameters, depth_model: DepthPredictor | None = None) -> EgoMotion:
    """A method by its name, one of METHODS; `depth_model` is a source of scale for mono.

    Raises ValueError for another name, and for a depth model where depth is measured.
    """
    if depth_model is not None and name != "mono":
        raise ValueError(f"method {name!r} measures depth, and needs no depth model")
    if name == "gicp":
        return GicpToKeyframe(parameters)
    if name == "mono":
        return MonoEgoMotion(parameters, depth_model)
    if name == "rgbd":
        return RgbdEgoMotion(parameters)
    raise ValueError(f"method {name!r}: it must be one of {', '.join(METHODS)}")

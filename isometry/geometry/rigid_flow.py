"""Optical flow of a rigid scene, split by what moves the camera: rotation, tangential and radial translation.

Source: "Discriminately Treating Motion Components Evolves Joint Depth and Ego-Motion Learning" (DiMoDE, 2025). A
camera moves by T_source_target = (R, t). Undoing R leaves two cameras with parallel axes, where u = R^T t is added to
points in the target's axes. Of what remains,

    coaxial    undoing u_x and u_y as well puts both on one optical axis: pixels move along lines through its foot
    coplanar   undoing u_z instead puts both on one image plane: all pixels move along one direction

and each of the two is a closed form between the depth and one component of the translation.

Points are tangents x, y: K^-1 (u, v, 1) without its last number. Every function takes NumPy's arrays or torch's tensors
with any leading dimensions, and uses nothing but arithmetic: the losses of training are made of the same formulas.
"""

from __future__ import annotations

from typing import Any

Values = Any  # an array of NumPy or a tensor of torch


def rotation_removed(source: Values, R_source_target: Values) -> Values:
    """Points (...,N,2) where a source camera with the target's axes would see what it sees at `source` (...,N,2)."""
    x, y = source[..., :1], source[..., 1:]
    # rows of R_source_target are the source's axes in the target's
    turned = x * R_source_target[..., 0, None, :] + y * R_source_target[..., 1, None, :]
    turned = turned + R_source_target[..., 2, None, :]
    return turned[..., :2] / turned[..., 2:]


def displaced(target: Values, depth: Values, shift: Values) -> Values:
    """Points (...,N,2) of `target` (...,N,2), at `depth` (...,N), for a camera with parallel axes.

    `shift` (...,3) is u: what is added to points in the target's axes, metres.
    """
    z = depth[..., None]
    return (target * z + shift[..., None, :2]) / (z + shift[..., None, 2:])


def coaxial(parallel: Values, depth: Values, shift: Values) -> Values:
    """Points (...,N,2) with the optical axes aligned: those without rotation less the tangential part."""
    return parallel - shift[..., None, :2] / (depth[..., None] + shift[..., None, 2:])


def coplanar(parallel: Values, depth: Values, shift: Values) -> Values:
    """Points (...,N,2) with the image planes aligned: those without rotation less the radial part."""
    z = depth[..., None]
    return parallel * (z + shift[..., None, 2:]) / z


def epipolar_deviation(target: Values, parallel: Values, shift: Values) -> Values:
    """How far (...,N) points are off the line that any depth allows; it depends on rotation and direction only.

    As a tangent, times the length of u across the view at the point. The constraint on the rotation.
    """
    flow = parallel - target
    along = shift[..., None, :2] - target * shift[..., None, 2:]
    return flow[..., 0] * along[..., 1] - flow[..., 1] * along[..., 0]


def radial_from_depth(target: Values, aligned: Values, depth: Values) -> Values:
    """u_z (...,N) in metres of each point, from its depth (...,N) and its coaxial flow from `target` to `aligned`."""
    return depth * _dot(target, target - aligned) / _dot(target, aligned)


def depth_from_radial(target: Values, aligned: Values, radial: Values) -> Values:
    """Depth (...,N) in metres, from u_z (...,) and the coaxial flow; infinite where there is no flow."""
    return radial[..., None] * _dot(target, aligned) / _dot(target, target - aligned)


def tangential_from_depth(target: Values, aligned: Values, depth: Values) -> Values:
    """u_x and u_y (...,N,2) in metres of each point, from its depth (...,N) and its coplanar flow."""
    return depth[..., None] * (aligned - target)


def depth_from_tangential(target: Values, aligned: Values, tangential: Values) -> Values:
    """Depth (...,N) in metres, from u_x and u_y (...,2) and the coplanar flow; infinite where there is no flow.

    Least squares along the direction of the translation.
    """
    across = tangential[..., None, :]
    return _dot(across, across) / _dot(across, aligned - target)


def _dot(first: Values, second: Values) -> Values:
    return (first * second).sum(-1)

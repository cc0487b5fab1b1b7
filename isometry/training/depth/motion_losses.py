"""Losses of depth and motion where nothing was measured: images moved onto each other, and the split of their flow.

The photometric loss is that of Godard et al., "Digging into Self-Supervised Monocular Depth Estimation" (2019); the
constraints on each component of the motion are DiMoDE's, by the formulas of `geometry/rigid_flow.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from isometry.geometry import rigid_flow
from isometry.training.depth.recipe import DepthTrainingParameters

STRUCTURE = 0.85  # share of structural similarity in the difference of two images
NEAR_AXIS = 5.0  # pixels
LEAST_FLOW = 0.5  # pixels, of which a component of the motion tells of depth
NEAREST_M, FURTHEST_M = 0.5, 100.0
TINY = 1e-6


class Pairs(NamedTuple):
    """P pairs of images as tensors."""

    target: Tensor  # (P,3,h,w)
    source: Tensor  # (P,3,H,W)
    flow: Tensor  # (P,h,w,2) pixels from target to source, NaN where it is not known
    matrix: Tensor  # (P,3,3) of the target's window
    source_matrix: Tensor  # (P,3,3)


def motion_losses(
    pairs: Pairs, depth: Tensor, T_source_target: Tensor, parameters: DepthTrainingParameters
) -> Mapping[str, Tensor]:
    """Weighted losses by name for depth (P,h,w) in metres and motions (P,4,4): `photometric`, `smooth` and `split`."""
    target = tangents(pairs.matrix, depth.shape[1:])
    rotation, translation = T_source_target[:, :3, :3], T_source_target[:, :3, 3]
    losses = {
        "photometric": parameters.photometric_weight * photometric_loss(pairs, target, depth, rotation, translation),
        "smooth": parameters.smooth_weight * smooth_loss(depth, pairs.target),
        "split": depth.new_zeros(()),
    }
    if parameters.split_weight:
        losses["split"] = parameters.split_weight * split_loss(pairs, target, depth, rotation, translation)
    return losses


def tangents(matrix: Tensor, shape: tuple[int, int] | torch.Size) -> Tensor:
    """Tangents (P,h*w,2) of all pixels of images of `shape`, row by row, of cameras (P,3,3)."""
    v, u = torch.meshgrid(
        torch.arange(shape[0], device=matrix.device), torch.arange(shape[1], device=matrix.device), indexing="ij"
    )
    pixels = torch.stack([u, v], dim=-1).reshape(1, -1, 2).to(matrix.dtype)
    return (pixels - matrix[:, None, :2, 2]) / torch.stack([matrix[:, 0, 0], matrix[:, 1, 1]], dim=1)[:, None]


def photometric_loss(pairs: Pairs, target: Tensor, depth: Tensor, rotation: Tensor, translation: Tensor) -> Tensor:
    """Mean difference of each target from its source, seen through depth and motion, where the motion improves it."""
    rays = torch.cat([target, torch.ones_like(target[..., :1])], dim=2)
    points = depth.flatten(1)[..., None] * rays @ rotation.mT + translation[:, None]
    found = points[..., :2] / points[..., 2:].clamp_min(NEAREST_M / 10.0)
    focal = torch.stack([pairs.source_matrix[:, 0, 0], pairs.source_matrix[:, 1, 1]], dim=1)
    pixels = found * focal[:, None] + pairs.source_matrix[:, None, :2, 2]
    moved, inside = sampled(pairs.source, pixels, depth.shape[1:])
    standing, _ = sampled(pairs.source, target * focal[:, None] + pairs.source_matrix[:, None, :2, 2], depth.shape[1:])
    error = image_difference(pairs.target, moved)
    counted = inside & (error < image_difference(pairs.target, standing)) & (pairs.target.abs().sum(dim=1) > 0.0)
    return torch.where(counted, error, 0.0).sum() / counted.sum().clamp_min(1)


def sampled(image: Tensor, pixels: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Values (P,3,h,w) of images (P,3,H,W) at pixels (P,h*w,2), and whether these are in the image (P,h,w)."""
    size = pixels.new_tensor([image.shape[3], image.shape[2]])
    grid = ((2.0 * pixels + 1.0) / size - 1.0).unflatten(1, shape)
    inside = (grid.abs() < 1.0).all(dim=-1)
    values = nn.functional.grid_sample(image, grid.clamp(-2.0, 2.0), padding_mode="border", align_corners=False)
    return values, inside


def image_difference(first: Tensor, second: Tensor) -> Tensor:
    """Difference (P,h,w) of images (P,3,h,w): 1 - structural similarity (Wang et al., 2004) and absolute, weighed."""

    def mean(image: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(image, 3, stride=1, padding=1)

    mean_1, mean_2 = mean(first), mean(second)
    variance_1, variance_2 = mean(first**2) - mean_1**2, mean(second**2) - mean_2**2
    covariance = mean(first * second) - mean_1 * mean_2
    c1, c2 = 0.01, 0.03  # of images of unit deviation
    similarity = (2.0 * mean_1 * mean_2 + c1) * (2.0 * covariance + c2)
    similarity = similarity / ((mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2))
    structure = ((1.0 - similarity) / 2.0).clamp(0.0, 1.0).mean(dim=1)
    return STRUCTURE * structure + (1.0 - STRUCTURE) * (first - second).abs().mean(dim=1)


def smooth_loss(depth: Tensor, image: Tensor) -> Tensor:
    """Mean gradient of ln(depth) (P,h,w), less where the image (P,3,h,w) has an edge: Godard et al. (2017)."""
    logarithm = depth.log()
    losses = []
    for dim in (1, 2):
        length = depth.shape[dim] - 1
        change = (logarithm.narrow(dim, 1, length) - logarithm.narrow(dim, 0, length)).abs()
        edge = (image.narrow(dim + 1, 1, length) - image.narrow(dim + 1, 0, length)).abs().mean(dim=1)
        losses.append((change * torch.exp(-edge)).mean())
    return torch.stack(losses).mean()


def split_loss(pairs: Pairs, target: Tensor, depth: Tensor, rotation: Tensor, translation: Tensor) -> Tensor:
    """Sum of the mean deviations of the measured flow from what each component of the motion allows.

    rotation     once it is undone, flow lies on epipolar lines
    tangential   once the image planes are aligned, depth gives the translation across the view, at every pixel the same
    radial       once the optical axes are aligned, depth gives the translation along the view, at every pixel the same
    depth        what each of the two gives back for depth, where its flow is long enough to tell
    """
    focal = torch.stack([pairs.matrix[:, 0, 0], pairs.matrix[:, 1, 1]], dim=1)[:, None]
    flow = pairs.flow.flatten(1, 2)
    known = flow.isfinite().all(dim=-1)
    source = target + torch.where(known[..., None], flow, 0.0) / focal
    z = depth.flatten(1)
    shift = (rotation.mT @ translation[..., None])[..., 0]  # u = R^T t
    parallel = rigid_flow.rotation_removed(source, rotation)
    length = shift.norm(dim=1).clamp_min(TINY)[:, None]
    off_line = rigid_flow.epipolar_deviation(target, parallel, shift) / length
    on_plane = rigid_flow.coplanar(parallel, z, shift)
    on_axis = rigid_flow.coaxial(parallel, z, shift)
    tangential = rigid_flow.tangential_from_depth(target, on_plane, z)
    beside = known & ((target * focal).norm(dim=-1) > NEAR_AXIS)  # on the axis itself nothing tells of the radial part
    off_axis, moved_off_axis = (torch.where(beside[..., None], points, 1.0) for points in (target, on_axis))
    radial = rigid_flow.radial_from_depth(off_axis, moved_off_axis, z)
    # each as a flow, so that a metre far away counts less than one nearby
    across = ((tangential - shift[:, None, :2]) / z[..., None]).norm(dim=-1)
    along = (radial - shift[:, None, 2]) / z * target.norm(dim=-1)
    parts = [robust(off_line * focal[..., 0], known), robust(across * focal[..., 0], known)]
    parts.append(robust(along * focal[..., 0], beside))
    by_radial = rigid_flow.depth_from_radial(target, on_axis, shift[:, 2])
    by_tangential = rigid_flow.depth_from_tangential(target, on_plane, shift[:, :2])
    for derived, moved in ((by_radial, target - on_axis), (by_tangential, on_plane - target)):
        told = known & ((moved * focal).norm(dim=-1) > LEAST_FLOW) & (derived > NEAREST_M) & (derived < FURTHEST_M)
        aim = torch.where(told, derived, 1.0).detach().log()
        parts.append(torch.where(told, (z.log() - aim).abs(), 0.0).sum() / told.sum().clamp_min(1))
    return torch.stack(parts).sum()


def robust(deviation: Tensor, known: Tensor) -> Tensor:
    """Mean of ln(1 + d^2) / 2 of known deviations in pixels: what moves by itself counts little (Cauchy's loss)."""
    return torch.where(known, 0.5 * torch.log1p(deviation**2), 0.0).sum() / known.sum().clamp_min(1)

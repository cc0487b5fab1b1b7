"""The pyramid of a cloud: points at three spacings and their neighbours, the input of the feature networks.

Neighbourhoods are computed here and not in the networks, which then consist of standard operators and take any number
of points. All positions are in units of the cloud's resolution, so that one network serves streets and rooms.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import small_gicp
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.registration.frames import own_axes
from isometry.registration.parameters import RegistrationParameters
from isometry.registration.preprocessing import prepare
from isometry.registration.types import Cloud

SPACINGS = (2.0, 4.0, 8.0)  # of the fine, the middle and the coarse points, in resolutions
NEIGHBOURS = 16
EXAMPLE = RegistrationParameters(resolution=0.4)

Indices = NDArray[np.int64]
Positions = NDArray[np.float32]


@dataclass(frozen=True)
class Pyramid:
    """Positions and neighbours of P points, F fine, M middle and C coarse ones; K <= 16 neighbours, nearest first.

    Positions are relative to `centre`, in units of `resolution`. The other fields are the inputs of the networks.
    """

    centre: Array  # (3,) metres
    resolution: float  # metres
    points: Positions  # (P,3)
    normals: Positions  # (P,3)
    sided: Positions  # (1,) 1 where the normals point to the sensor, 0 where their sign is arbitrary
    fine: Positions  # (F,3)
    middle: Positions  # (M,3)
    coarse: Positions  # (C,3)
    around_fine: Indices  # (F,K) points
    fine_to_fine: Indices  # (F,K) fine points
    fine_to_middle: Indices  # (M,K) fine points
    middle_to_middle: Indices  # (M,K) middle points
    middle_to_coarse: Indices  # (C,K) middle points
    coarse_to_coarse: Indices  # (C,K) coarse points
    middle_above: Indices  # (F,) the nearest middle point
    coarse_above: Indices  # (M,) the nearest coarse point

    def inputs(self) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
        """The arrays that a network takes, by the names of its inputs."""
        return {item.name: getattr(self, item.name) for item in fields(self)[2:]}

    def metres(self, positions: Positions) -> Array:
        """Positions (N,3) of this pyramid in the cloud's own frame."""
        return positions * self.resolution + self.centre


def build_pyramid(cloud: Cloud) -> Pyramid:
    """The pyramid of a cloud. Its points are sampled along the cloud's own axes, so that they turn with the cloud."""
    centre = cloud.points.mean(axis=0)
    points = (cloud.points - centre) / cloud.resolution
    axes = own_axes(points)
    turned = points @ axes  # sampled on a grid along the cloud's own axes
    levels = [turned]
    for spacing in SPACINGS:
        levels.append(np.asarray(small_gicp.voxelgrid_sampling(levels[-1], spacing).points())[:, :3])
    trees = [small_gicp.KdTree(level) for level in levels]

    def nearest(among: int, of: int, count: int = NEIGHBOURS) -> Indices:
        count = min(count, len(levels[among]))
        found: Indices = trees[among].batch_knn_search(levels[of], count)[0].astype(np.int64)
        return found

    fine, middle, coarse = ((level @ axes.T).astype(np.float32) for level in levels[1:])
    return Pyramid(
        centre=centre,
        resolution=cloud.resolution,
        points=points.astype(np.float32),
        normals=cloud.normals.astype(np.float32),
        sided=np.array([cloud.viewpoint is not None], np.float32),
        fine=fine,
        middle=middle,
        coarse=coarse,
        around_fine=nearest(0, 1),
        fine_to_fine=nearest(1, 1),
        fine_to_middle=nearest(1, 2),
        middle_to_middle=nearest(2, 2),
        middle_to_coarse=nearest(2, 3),
        coarse_to_coarse=nearest(3, 3),
        middle_above=nearest(2, 1, 1)[:, 0],
        coarse_above=nearest(3, 2, 1)[:, 0],
    )


def example_pyramid(count: int = 4000, seed: int = 0) -> Pyramid:
    """The pyramid of a made-up cloud: uneven ground with some boxes' sides on it."""
    random = np.random.default_rng(seed)
    ground = random.uniform(-25.0, 25.0, (count, 3))
    ground[:, 2] = np.sin(0.2 * ground[:, 0]) + np.cos(0.3 * ground[:, 1])
    centres, half = random.uniform(-20.0, 20.0, (12, 3)) * [1.0, 1.0, 0.0], random.uniform(1.0, 4.0, (12, 3))
    which, side = random.integers(12, size=count), random.integers(2, size=count)
    sides = random.uniform(-1.0, 1.0, (count, 3))
    sides[np.arange(count), side] = np.sign(sides[np.arange(count), side])
    return build_pyramid(prepare(np.concatenate([ground, centres[which] + half[which] * sides]), EXAMPLE, np.zeros(3)))

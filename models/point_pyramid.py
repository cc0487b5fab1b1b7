"""The input of the networks of registration: a cloud at three spacings, and who is whose neighbour, as tensors."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PointPyramid(NamedTuple):
    """P points, F fine, M middle and C coarse ones, in units of the cloud's resolution; K neighbours, nearest first.

    The names are those of the inputs of the exported files. `registration/features/pyramid.py` makes the arrays.
    """

    points: Tensor  # (P,3)
    normals: Tensor  # (P,3) unit
    sided: Tensor  # (1,) 1 where the normals point to where the sensor stood, 0 where their sign means nothing
    fine: Tensor  # (F,3)
    middle: Tensor  # (M,3)
    coarse: Tensor  # (C,3)
    around_fine: Tensor  # (F,K) points
    fine_to_fine: Tensor  # (F,K) fine points
    fine_to_middle: Tensor  # (M,K) fine points
    middle_to_middle: Tensor  # (M,K) middle points
    middle_to_coarse: Tensor  # (C,K) middle points
    coarse_to_coarse: Tensor  # (C,K) coarse points
    middle_above: Tensor  # (F,) the nearest middle point
    coarse_above: Tensor  # (M,) the nearest coarse point

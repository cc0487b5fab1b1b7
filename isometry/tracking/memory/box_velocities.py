"""The velocity of a box from the flow probabilities of its cells, top to bottom.

    the followed cells in each box -> a probability of each flow for the whole box: its cells move together
    -> the likely flows, each refined below whole cells by how far the centroids moved within their cells
    -> the mixture of the refined motions: its mean and its covariance

Motions are in cells a step until the end. R pairs of a box and a cell in it, B boxes with such cells, L pairs of a box
and a likely flow of it, T triples of a box, a likely flow of it and a cell in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.tracking.memory.flow_cells import FlowGrid, OccupiedCells, Rows, inverses, residuals
from isometry.tracking.memory.flow_step import FlowStep

BOX_MARGIN_M = 0.15  # a cell is in a box if its centroid is, to within this
LEAST_KNOWN = 0.3  # mean probability of a box's cells to move by any of the flows; below it the velocity is NaN
LEAST_PROBABILITY = 1e-3  # added to probabilities before their logarithm: one cell alone rules out no flow
LEAST_SHARE = 1e-3  # of the likeliest flow's probability: less likely flows are left out
PRIOR_INFORMATION = 1.0  # 1 / square cells, that the centroids of a box moved by whole cells
LEAST_DEVIATION_MPS = 0.3  # standard deviation of a velocity at best, along either axis


def box_velocities(step: FlowStep, boxes: Array, flows: Rows, grid: FlowGrid) -> tuple[Array, Array]:
    """Velocities (N,2) in metres a second of boxes (N,7), and covariances (N,2,2); NaN where nothing is known.

    `flows` (V,2) are the velocities, in cells a step, that `step` has probabilities of.
    """
    velocities, covariances = np.full((len(boxes), 2), np.nan), np.full((len(boxes), 2, 2), np.nan)
    if step.before is None:
        return velocities, covariances
    box, cells = _followed_cells(step, boxes, grid)
    if not len(cells):
        return velocities, covariances
    numbers, box, sizes = np.unique(box, return_inverse=True, return_counts=True)
    of_cells, likely = _likely_flows(step, cells, box, sizes)
    motions, information = _refined_motions(step, step.before, cells, box, of_cells, likely, flows)
    mean, covariance = _mixture(likely, motions, information, len(numbers))
    metres_per_second = grid.cell / step.step_s
    velocities[numbers] = mean * metres_per_second
    covariances[numbers] = covariance * metres_per_second**2 + LEAST_DEVIATION_MPS**2 * np.eye(2)
    return velocities, covariances


@dataclass(frozen=True)
class _LikelyFlows:
    """The L likely flows of all boxes, box by box."""

    mask: Rows  # (B,V) bool, which flows are likely
    box: Rows  # (L,)
    flow: Rows  # (L,)
    share: Array  # (L,) probability; those of a box add up to 1


def _followed_cells(step: FlowStep, boxes: Array, grid: FlowGrid) -> tuple[Rows, Rows]:
    """Number (R,), rising, of a box (N,7) and row (R,) of a cell in it, for boxes whose cells have been followed."""
    finite = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    number, cells = _cells_inside(step.cells, boxes[finite], grid)
    known = np.bincount(number, 1.0 - step.probability[cells, -1], len(finite))
    followed = known >= LEAST_KNOWN * np.bincount(number, minlength=len(finite))
    return finite[number][followed[number]], cells[followed[number]]


def _cells_inside(cells: OccupiedCells, boxes: Array, grid: FlowGrid) -> tuple[Rows, Rows]:
    """Rows (R,) of boxes (N,7) and of the cells whose centroid is in them, box by box."""
    x, y, _, length, width, _, yaw = boxes.T[:, :, None]
    offset_x, offset_y = ((cells.index + 0.5 + cells.centroids) * grid.cell).T
    offset_x, offset_y = offset_x - x, offset_y - y
    along = np.abs(np.cos(yaw) * offset_x + np.sin(yaw) * offset_y) <= 0.5 * length + BOX_MARGIN_M
    across = np.abs(np.cos(yaw) * offset_y - np.sin(yaw) * offset_x) <= 0.5 * width + BOX_MARGIN_M
    rows, inside = np.nonzero(along & across)
    return rows, inside


def _likely_flows(step: FlowStep, cells: Rows, box: Rows, sizes: Rows) -> tuple[Array, _LikelyFlows]:
    """Probabilities (R,V) of the flows of each cell, if it moves by any, and the likely flows of all boxes.

    Probabilities of the cells of a box are multiplied, damped by the root of their number `sizes` (B,): the errors of
    neighbours are alike.
    """
    known = step.known(cells)[:, None]
    of_cells = step.probability[cells, :-1] / np.maximum(known, 1e-9)
    logarithms = known * np.log(of_cells + LEAST_PROBABILITY)
    of_boxes = np.add.reduceat(logarithms, np.cumsum(sizes) - sizes) / np.sqrt(sizes)[:, None]
    share = np.exp(of_boxes - of_boxes.max(axis=1, keepdims=True))
    mask = share > LEAST_SHARE
    of_box, flow = np.nonzero(mask)
    return of_cells, _LikelyFlows(mask, of_box, flow, share[mask] / np.bincount(of_box, share[mask])[of_box])


def _refined_motions(
    step: FlowStep,
    before: OccupiedCells,
    cells: Rows,
    box: Rows,
    of_cells: Array,
    likely: _LikelyFlows,
    flows: Rows,
) -> tuple[Array, Array]:
    """Motions (L,2) of likely flows, finer than whole cells, and their information (L,2,2).

    The motion of the centroid within its cell is added to each flow. The motion of a flow is the least-squares fit to
    those of all cells, each weighted by its probability and by the information of its points.
    """
    pair, flow = np.nonzero(likely.mask[box])  # (T,) row among the R pairs of box and cell, and the flow
    place = (np.cumsum(likely.mask).reshape(likely.mask.shape) - 1)[box[pair], flow]  # (T,) row among the L
    source = step.source[cells[pair], flow]
    moved, information = (each[:, 0] for each in residuals(step.cells, cells[pair], before, source[:, None]))
    information = information * of_cells[pair, flow, None, None]
    total = _sums(place, information, len(likely.flow)) + PRIOR_INFORMATION * np.eye(2)
    weighted = _sums(place, np.einsum("tij,tj->ti", information, moved), len(likely.flow))
    return flows[likely.flow] + np.einsum("lij,lj->li", inverses(total), weighted), total


def _mixture(likely: _LikelyFlows, motions: Array, information: Array, count: int) -> tuple[Array, Array]:
    """Mean (B,2) and covariance (B,2,2) of the motions (L,2) of the flows of each box, which have `information`."""
    weight = likely.share[:, None, None] * information
    within = inverses(_sums(likely.box, weight, count))
    mean = np.einsum("bij,bj->bi", within, _sums(likely.box, np.einsum("lij,lj->li", weight, motions), count))
    apart = motions - mean[likely.box]
    between = _sums(likely.box, likely.share[:, None, None] * apart[:, :, None] * apart[:, None], count)
    return mean, between + within


def _sums(which: Rows, values: Array, count: int) -> Array:
    """Sums (count,...) of those values (T,...) that belong to each."""
    columns = values.reshape(len(values), -1).T
    sums = np.stack([np.bincount(which, column, count) for column in columns], axis=1)
    return np.asarray(sums.reshape(count, *values.shape[1:]))

"""Flow-equivariant bird's-eye memory: how what stands in each cell moves, from one scan to the next, without tracks.

    points above ground -> occupied cells of a grid that lies still in the odometry's frame            flow_cells.py
    -> one step of the recurrent network: a state for each cell and velocity it may have, moved along with it
    -> a probability for each velocity of each cell -> the velocity of a box, from its cells together

Source: Keller, "Flow Equivariant Recurrent Neural Networks" (2025). The network is in models/flow_memory.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.inference import WEIGHTS, Model
from isometry.tracking.memory.flow_cells import (
    FlowGrid,
    OccupiedCells,
    Rows,
    inverses,
    network_inputs,
    occupied_cells,
    residuals,
)

TASK = "flow_memory"
SHIPPED = ("flow_filter",)  # the first is the default
AGES = (0.5, 2.5)  # a step goes from a scan that is between so many of the grid's step times old
SAME_STEP = 0.25  # step times that differ by no more than this share mean the same velocities
BOX_MARGIN_M = 0.15  # a box has the cells whose centroid is so near to it
LEAST_KNOWN = 0.3  # mean probability of a box's cells to move by any of the velocities
FLOOR_MPS = 0.3  # deviation of a velocity at best
LEAST_SHARE = 1e-3  # of the likeliest flow's probability: less likely ones do not count
WEAK = 1.0  # information, 1 / square cells, that the residual of a box is zero
FAINT = 1e-3  # added to probabilities before their logarithm: one cell alone forbids nothing


@dataclass(frozen=True)
class FlowStep:
    """What the memory holds of one scan."""

    stamp_ns: int
    cells: OccupiedCells
    state: NDArray[np.float32]  # (C,K,V)
    step_s: float  # to the scan that it went on from; NaN: there was none
    probability: NDArray[np.float32]  # (K,V+1) of each flow, and last that it is none of them or not known
    source: Rows  # (K,V) row among the cells of that scan that each flow comes from; their number M: none
    before: OccupiedCells | None  # those cells; None: there was no such scan


class FlowMemory:
    """Velocity distributions of the occupied cells around the robot.

    Each scan is a step that goes on from the earlier scan whose age is nearest to the grid's step time, so that a
    faster sensor runs several recurrences in turn. A velocity is then in cells per that age. Where no scan is of a
    usable age (after the start, a gap, or an empty scan) nothing is known; where the step time changes by more than a
    quarter, the positions are kept and the velocities forgotten.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        constants = model.constants()
        self.grid = FlowGrid(**{name: constants[name] for name in FlowGrid.__dataclass_fields__})
        self.flows = self.grid.flows()
        self.channels = int(constants["channels"])
        self.reset()

    @classmethod
    def load(cls, path: Path | None = None, name: str = "default", threads: int = 1) -> FlowMemory:
        """The memory in a file, or the shipped one of that name: `default`, or one of `SHIPPED`.

        Raises ModelMismatchError naming the file.
        """
        shipped = WEIGHTS / f"{SHIPPED[0] if name == 'default' else name}.onnx"
        return cls(Model(shipped if path is None else path, TASK, threads))

    def reset(self) -> None:
        """Forget everything."""
        self._steps: deque[FlowStep] = deque()

    @property
    def newest(self) -> FlowStep | None:
        """What is held of the newest scan."""
        return self._steps[-1] if self._steps else None

    def update(self, points: NDArray[np.floating], T_odom_base: Array, stamp_ns: int) -> None:
        """Take in what a scan saw above the ground: points (N,2 or more) in metres in the odometry's frame.

        Points that are not finite, or outside of the window around the base, do not count. Raises ValueError for
        arrays of other shapes, or a stamp that is not newer than the last; nothing has changed then.
        """
        if points.ndim != 2 or points.shape[1] < 2:
            raise ValueError(f"points of shape {points.shape}, where (N,2) or (N,3) is needed")
        se3.check(T_odom_base, "the pose of the base")
        if self._steps and stamp_ns <= self._steps[-1].stamp_ns:
            raise ValueError(f"a scan of stamp {stamp_ns} ns came after one of {self._steps[-1].stamp_ns} ns")
        oldest_ns = stamp_ns - round(AGES[1] * self.grid.step_s * 1e9)
        while self._steps and self._steps[0].stamp_ns < oldest_ns:
            self._steps.popleft()
        cells = occupied_cells(points, np.asarray(T_odom_base, np.float64)[:2, 3], self.grid)
        self._steps.append(self._step(cells, stamp_ns))

    def _step(self, cells: OccupiedCells, stamp_ns: int) -> FlowStep:
        before = self._to_go_on_from(stamp_ns)
        if before is None or len(cells) == 0:
            shape = (len(cells), len(self.flows))
            unknown = np.zeros((shape[0], shape[1] + 1), np.float32)
            unknown[:, -1] = 1.0
            state = np.zeros((self.channels, *shape), np.float32)
            return FlowStep(stamp_ns, cells, state, np.nan, unknown, np.zeros(shape, np.int64), None)
        step_s = (stamp_ns - before.stamp_ns) * 1e-9
        same = abs(step_s - before.step_s) <= SAME_STEP * before.step_s
        inputs = network_inputs(cells, before.cells, self.flows)
        state, probability = self.model.run({"state": before.state * np.float32(same), **inputs})
        return FlowStep(stamp_ns, cells, state, step_s, probability, inputs["source"], before.cells)

    def _to_go_on_from(self, stamp_ns: int) -> FlowStep | None:
        """The earlier scan with cells in it whose age is nearest to the grid's step time, in logarithms."""
        ages = {id(step): (stamp_ns - step.stamp_ns) * 1e-9 / self.grid.step_s for step in self._steps}
        usable = [step for step in self._steps if len(step.cells) and AGES[0] <= ages[id(step)] <= AGES[1]]
        return min(usable, key=lambda step: abs(np.log(ages[id(step)])), default=None)

    def velocities(self, boxes: Array) -> tuple[Array, Array]:
        """Velocities (N,2) in metres a second over ground of boxes (N,7) in the odometry's frame, and covariances.

        Covariances are (N,2,2). NaN where nothing is known: a box that is not finite or holds no occupied cell, or
        cells that have not been followed yet.

        The cells of a box move together: their probabilities are multiplied, damped by the root of their number since
        neighbours err alike. Finer than whole cells: to each flow of each cell is added how far the centroid has moved
        within the cell, and the velocity is the one that all of these motions fit best (least squares, each weighted
        by its probability and by what its points can tell of it).
        """
        velocities, covariances = np.full((len(boxes), 2), np.nan), np.full((len(boxes), 2, 2), np.nan)
        step = self.newest
        if step is None or step.before is None:
            return velocities, covariances
        number, rows = self._followed_cells_of(boxes, step)
        if not len(rows):
            return velocities, covariances
        told, box, sizes = np.unique(number, return_inverse=True, return_counts=True)
        known = 1.0 - step.probability[rows, -1:].astype(np.float64)
        of_cell = step.probability[rows, :-1] / np.maximum(known, 1e-9)  # (R,V)
        logarithm = np.add.reduceat(known * np.log(of_cell + FAINT), np.cumsum(sizes) - sizes) / np.sqrt(sizes)[:, None]
        share = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))  # (B,V)
        likely = share > LEAST_SHARE
        of_box, flow = np.nonzero(likely)  # (L,) the likely flows of all boxes
        share = share[likely] / np.bincount(of_box, share[likely])[of_box]

        cell, flow_of_cell = np.nonzero(likely[box])  # (T,) the same for each cell of a box
        place = (np.cumsum(likely).reshape(likely.shape) - 1)[box[cell], flow_of_cell]  # among the L
        source = step.source[rows[cell], flow_of_cell]
        moved, information = (each[:, 0] for each in residuals(step.cells, rows[cell], step.before, source[:, None]))
        information = information * of_cell[cell, flow_of_cell, None, None]
        of_flow = _totals(place, information, len(flow)) + WEAK * np.eye(2)  # (L,2,2)
        pull = _totals(place, np.einsum("tij,tj->ti", information, moved), len(flow))
        motion = self.flows[flow] + np.einsum("lij,lj->li", inverses(of_flow), pull)

        weight = share[:, None, None] * of_flow
        together = inverses(_totals(of_box, weight, len(told)))
        pull = _totals(of_box, np.einsum("lij,lj->li", weight, motion), len(told))
        velocity = np.einsum("bij,bj->bi", together, pull)
        apart = motion - velocity[of_box]
        spread = _totals(of_box, share[:, None, None] * apart[:, :, None] * apart[:, None], len(told))
        metres = self.grid.cell / step.step_s
        velocities[told] = velocity * metres
        covariances[told] = (spread + together) * metres**2 + FLOOR_MPS**2 * np.eye(2)
        return velocities, covariances

    def cell_velocities(self) -> Array:
        """Mean velocity (K,2) in metres a second of each occupied cell by itself; NaN where nothing is known."""
        step = self.newest
        if step is None:
            return np.zeros((0, 2))
        known = 1.0 - step.probability[:, -1:].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(step.probability[:, :-1] @ self.flows / known * (self.grid.cell / step.step_s))

    def _followed_cells_of(self, boxes: Array, step: FlowStep) -> tuple[Rows, Rows]:
        """Number (R,), increasing, of a box (N,7) and row (R,) of a cell in it, for boxes whose cells were followed."""
        finite = np.flatnonzero(np.isfinite(boxes).all(axis=1))
        x, y, _, length, width, _, yaw = boxes[finite].T[:, :, None]
        offset_x, offset_y = ((step.cells.index + 0.5 + step.cells.centroids) * self.grid.cell).T
        offset_x, offset_y = offset_x - x, offset_y - y
        along = np.abs(np.cos(yaw) * offset_x + np.sin(yaw) * offset_y) <= 0.5 * length + BOX_MARGIN_M
        across = np.abs(np.cos(yaw) * offset_y - np.sin(yaw) * offset_x) <= 0.5 * width + BOX_MARGIN_M
        number, rows = np.nonzero(along & across)
        known = np.bincount(number, 1.0 - step.probability[rows, -1], len(finite))
        followed = known >= LEAST_KNOWN * np.bincount(number, minlength=len(finite))
        return finite[number][followed[number]], rows[followed[number]]


def _totals(which: Rows, values: Array, count: int) -> Array:
    """Sums (count,...) of those values (T,...) that belong to each."""
    columns = values.reshape(len(values), -1).T
    sums = np.stack([np.bincount(which, column, count) for column in columns], axis=1)
    return np.asarray(sums.reshape(count, *values.shape[1:]))

"""Flow-equivariant bird's-eye memory: the velocities of occupied cells, from one scan to the next, without tracks.

    points above ground -> occupied cells of a grid that is fixed in the odometry's frame              flow_cells.py
    -> one step of the recurrent network: a state for each cell and each flow, shifted along with the flow
    -> a probability for each flow of each cell                                                         flow_step.py
    -> the velocity of a box, from its cells together                                              box_velocities.py

A flow is a velocity of whole cells a step. Source: Keller, "Flow Equivariant Recurrent Neural Networks" (2025). The
network is in models/flow_memory.py.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.inference import WEIGHTS, Model, ProviderParameters
from isometry.tracking.memory.box_velocities import box_velocities
from isometry.tracking.memory.flow_cells import FlowGrid, OccupiedCells, network_inputs, occupied_cells
from isometry.tracking.memory.flow_step import FlowStep

TASK = "flow_memory"
SHIPPED = ("flow_filter",)  # the first is the default
AGES = (0.5, 2.5)  # a step goes on from a scan that is between so many of the grid's step times old
SAME_STEP = 0.25  # step times that differ by no more than this share mean the same velocities


class FlowMemory:
    """Velocity distributions of the occupied cells around the robot.

    Each scan is a step that goes on from the earlier scan whose age is nearest to the grid's step time, so that a
    faster sensor runs several recurrences in turn. A flow is then in cells per that age. Where no scan is of a usable
    age (after the start, a gap, or an empty scan) no velocity is known; where the step time changes by more than a
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
    def load(
        cls,
        path: Path | None = None,
        name: str = "default",
        threads: int = 1,
        provider: ProviderParameters | None = None,
    ) -> FlowMemory:
        """The memory in a file, or the shipped one of that name: `default`, or one of `SHIPPED`.

        `provider` runs it; without it the CPU does. Raises ModelMismatchError naming the file.
        """
        shipped = WEIGHTS / f"{SHIPPED[0] if name == 'default' else name}.onnx"
        return cls(Model(shipped if path is None else path, TASK, threads, provider))

    def reset(self) -> None:
        """Forget everything."""
        self._steps: deque[FlowStep] = deque()

    @property
    def newest(self) -> FlowStep | None:
        """The step of the newest scan."""
        return self._steps[-1] if self._steps else None

    def update(self, points: NDArray[np.floating], T_odom_base: Array, stamp_ns: int) -> None:
        """Take in the points of a scan above the ground: (N,2 or more) in metres in the odometry's frame.

        Points that are not finite, or outside of the window around the base, do not count. Raises ValueError for
        arrays of other shapes, or a stamp that is not newer than the last; nothing has changed then.
        """
        if points.ndim != 2 or points.shape[1] < 2:
            raise ValueError(f"points of shape {points.shape}, where (N,2) or (N,3) is needed")
        se3.check(T_odom_base, "the pose of the base")
        if self._steps and stamp_ns <= self._steps[-1].stamp_ns:
            raise ValueError(f"a scan of stamp {stamp_ns} ns came after one of {self._steps[-1].stamp_ns} ns")
        self._drop_before(stamp_ns - round(AGES[1] * self.grid.step_s * 1e9))
        cells = occupied_cells(points, np.asarray(T_odom_base, np.float64)[:2, 3], self.grid)
        before = self._predecessor(stamp_ns) if len(cells) else None
        if before is None:
            step = FlowStep.without_past(stamp_ns, cells, self.channels, len(self.flows))
        else:
            step = self._next(before, cells, stamp_ns)
        self._steps.append(step)

    def velocities(self, boxes: Array) -> tuple[Array, Array]:
        """Velocities (N,2) in metres a second over ground of boxes (N,7) in the odometry's frame, and covariances.

        Covariances are (N,2,2). NaN where nothing is known: a box that is not finite or holds no occupied cell, or
        cells that have not been followed yet.
        """
        step = self.newest
        if step is None:
            return np.full((len(boxes), 2), np.nan), np.full((len(boxes), 2, 2), np.nan)
        return box_velocities(step, boxes, self.flows, self.grid)

    def cell_velocities(self) -> Array:
        """Mean velocity (K,2) in metres a second of each occupied cell by itself; NaN where nothing is known."""
        step = self.newest
        if step is None:
            return np.zeros((0, 2))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = step.probability[:, :-1] @ self.flows / step.known()[:, None]
            return np.asarray(mean * (self.grid.cell / step.step_s))

    def _drop_before(self, oldest_ns: int) -> None:
        while self._steps and self._steps[0].stamp_ns < oldest_ns:
            self._steps.popleft()

    def _predecessor(self, stamp_ns: int) -> FlowStep | None:
        """The earlier scan with cells in it whose age is nearest to the grid's step time, in logarithms."""

        def age(step: FlowStep) -> float:
            return (stamp_ns - step.stamp_ns) * 1e-9 / self.grid.step_s

        usable = [step for step in self._steps if len(step.cells) and AGES[0] <= age(step) <= AGES[1]]
        return min(usable, key=lambda step: abs(np.log(age(step))), default=None)

    def _next(self, before: FlowStep, cells: OccupiedCells, stamp_ns: int) -> FlowStep:
        """One step of the network, from the scan before."""
        step_s = (stamp_ns - before.stamp_ns) * 1e-9
        same = abs(step_s - before.step_s) <= SAME_STEP * before.step_s
        inputs = network_inputs(cells, before.cells, self.flows)
        state, probability = self.model.run({"state": before.state * np.float32(same), **inputs})
        return FlowStep(stamp_ns, cells, state, step_s, probability, inputs["source"], before.cells)

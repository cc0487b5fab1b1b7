"""The shell of a building of equal storeys, with a ramp from each to the next.

x runs along the building and y across it: rooms from 0 to `width`, then the strip of the ramps, which is open to the
rooms at both ends of the building. Every ramp climbs towards +x, straight above the one below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.repetition import Region, Repetition, translated
from isometry.simulation.worlds.shapes import Mesh, box, boxes, joined
from isometry.simulation.worlds.world import INDOOR, World, route_through

SLAB_M, WALL_M = 0.25, 0.2  # thickness
STRIP_M = 4.0  # width of the ramps
LANDING_M = 5.0  # length of the flat piece at each end of the building
FLAT_M = 0.15  # above its storey, below which a robot is taken to be on the flat


@dataclass(frozen=True)
class Storeys:
    """The size of a building in metres. Its lowest and its highest storey differ from the others."""

    levels: int
    length: float
    width: float  # without the ramps
    height: float  # from floor to floor

    def assembled(self, contents: list[list[Mesh]]) -> Mesh:
        """The building with the contents of each storey, which are given in the frame of a storey."""
        parts = self._shell()
        for level, content in enumerate(contents):
            parts.append(joined(content, self._lifted(level)))
        return joined(parts)

    def world(self, contents: list[list[Mesh]], y: float, lane_m: float, sensor_height_m: float) -> World:
        """The world of a robot that drives along each storey, at `y` metres across the building, and up the ramps.

        `contents` are those of `assembled`; the third storey is left out of maps.
        """
        x = LANDING_M / 2.0
        return World(
            mesh=self.assembled(contents),
            route=route_through(self.route(np.array([[self.length - x, y], [x, y]]))),
            lane_m=lane_m,
            left_out=self.storey(2),
            repetitions=self.repetitions(),
            lidar=INDOOR,
            sensor_height_m=sensor_height_m,
        )

    def route(self, way: Array) -> Array:
        """Corners (K,3) of a way from the lowest storey to the highest; `way` (L,2) is that through each storey.

        It leads from the landing at the end, where a ramp arrives, to that at x = 0, where the next one begins.
        """
        y = self.width + STRIP_M / 2.0
        flat = np.vstack([[self.length - LANDING_M / 2.0, y], way, [LANDING_M / 2.0, y], [LANDING_M, y]])
        corners = []
        for level in range(self.levels):
            corners.append(np.pad(flat, ((0, 0), (0, 1)), constant_values=level * self.height))
            if level + 1 < self.levels:
                corners.append(np.array([[self.length - LANDING_M, y, (level + 1) * self.height]]))
        return np.vstack(corners)

    def repetitions(self) -> list[Repetition]:
        """The storeys between the lowest and the highest, and the ramps between those."""
        z = self.height * np.arange(self.levels)
        positions = np.column_stack([np.zeros((self.levels, 2)), z])
        end = np.array([self.length, self.width + STRIP_M])
        storeys = translated(positions[1:-1], np.array([0.0, 0.0, -FLAT_M]), np.array([*end, FLAT_M]))
        low = np.array([LANDING_M, self.width, FLAT_M])
        high = np.array([self.length - LANDING_M, end[1], self.height - FLAT_M])
        return [Repetition(storeys), Repetition(translated(positions[1:-2], low, high))]

    def storey(self, level: int) -> Region:
        """All of a storey, with the ramp that leads up from it."""
        low, high = np.array([0.0, 0.0, -FLAT_M]), np.array([self.length, self.width + STRIP_M, self.height - FLAT_M])
        return Region(self._lifted(level), low, high)

    def _lifted(self, level: int) -> Array:
        return se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, level * self.height]))

    def _shell(self) -> list[Mesh]:
        """Slabs, ramps and walls; one ramp more leads down and one up, so that all storeys see the same of them."""
        parts = []
        for level in range(-1, self.levels + 1):
            parts += [joined([each], self._lifted(level)) for each in self._slabs()]
            if level < self.levels:
                parts.append(joined([self._ramp()], self._lifted(level)))
        bottom, tall = -self.height, (self.levels + 1) * self.height
        across, middle = self.width + STRIP_M, self.length / 2.0
        between = self.length - 2.0 * LANDING_M
        sizes = [[WALL_M, across, tall]] * 2 + [[self.length, WALL_M, tall]] * 2 + [[between, WALL_M, tall]]
        positions = [[x, across / 2.0, bottom] for x in (0.0, self.length)]
        positions += [[middle, y, bottom] for y in (0.0, across, self.width)]
        return [*parts, boxes(np.array(sizes), np.array(positions), np.zeros(len(sizes)))]

    def _slabs(self) -> list[Mesh]:
        """The floor of a storey and its two landings."""
        y = self.width + STRIP_M / 2.0
        landing = (LANDING_M, STRIP_M, SLAB_M)
        return [
            box((self.length, self.width, SLAB_M), (self.length / 2.0, self.width / 2.0, -SLAB_M)),
            *(box(landing, (x, y, -SLAB_M)) for x in (LANDING_M / 2.0, self.length - LANDING_M / 2.0)),
        ]

    def _ramp(self) -> Mesh:
        length = self.length - 2.0 * LANDING_M
        flat = box((length, STRIP_M, SLAB_M), (self.length / 2.0, self.width + STRIP_M / 2.0, -SLAB_M))
        flat.vertices[:, 2] += self.height * (flat.vertices[:, 0] - LANDING_M) / length
        return flat

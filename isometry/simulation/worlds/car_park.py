"""A car park of several equal storeys, empty but for the lowest and the highest."""

from __future__ import annotations

import numpy as np

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.simulation.worlds.shapes import Mesh, boxes, joined
from isometry.simulation.worlds.storeys import LANDING_M, Storeys
from isometry.simulation.worlds.street_side import vehicle
from isometry.simulation.worlds.world import World

COLUMN_ROWS = (0.08, 0.42, 0.58, 0.92)  # shares of the width


def build_car_park(random: np.random.Generator) -> World:
    """Five or six storeys of equal columns and beams; cars stand on the lowest and on the highest only."""
    storeys = Storeys(
        levels=int(random.integers(5, 7)),
        length=random.uniform(45.0, 75.0),
        width=random.uniform(28.0, 36.0),
        height=random.uniform(2.8, 3.4),
    )
    frame = _frame(storeys, random.uniform(5.0, 8.0), random.uniform(0.35, 0.7))
    contents = [[frame] for _ in range(storeys.levels)]
    for level in (0, -1):
        contents[level] += _parked(storeys, random)
    return storeys.world(contents, y=storeys.width / 4.0, lane_m=0.8, sensor_height_m=1.7)


def _frame(storeys: Storeys, spacing: float, thickness: float) -> Mesh:
    """Columns in rows, and beams below the ceiling above them."""
    x = np.arange(LANDING_M + 1.0, storeys.length - LANDING_M, spacing)
    clear = storeys.height - 0.25
    places = np.array([[each, share * storeys.width, 0.0] for each in x for share in COLUMN_ROWS])
    columns = np.tile([thickness, thickness, clear], (len(places), 1))
    beams = np.tile([thickness, storeys.width, 0.35], (len(x), 1))
    above = np.column_stack([x, np.full(len(x), storeys.width / 2.0), np.full(len(x), clear - 0.35)])
    sizes, positions = np.vstack([columns, beams]), np.vstack([places, above])
    return boxes(sizes, positions, np.zeros(len(sizes)))


def _parked(storeys: Storeys, random: np.random.Generator) -> list[Mesh]:
    """Cars across the building, in three rows; the landings are free."""
    cars: list[Array] = []
    for share in (0.07, 0.5, 0.92):
        for x in np.arange(LANDING_M + 3.0, storeys.length - LANDING_M - 3.0, 2.7):
            if random.random() < 0.5:
                turn = random.choice([-1.0, 1.0]) * np.pi / 2.0
                cars.append(np.array([x, share * storeys.width, turn + random.normal(0.0, 0.03)]))
    return [joined([vehicle(random.uniform(3.6, 4.6))], se3.from_planar(*car)) for car in cars]

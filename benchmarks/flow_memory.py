"""Bird's-eye memory, one thread: the update with a scan of simulated traffic, and the velocities of boxes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count

import numpy as np

from benchmarks.measure import Figure, size, timed
from isometry.arrays import Array
from isometry.geometry import planar
from isometry.simulation.sensors.lidar import HDL_64
from isometry.simulation.traffic.scans import TrafficScan, surroundings, traffic_scans
from isometry.simulation.traffic.traffic import simulate_traffic
from isometry.tracking.memory.flow_memory import SHIPPED, FlowMemory

TURNS = 4  # copies of a scan, each turned by 90 degrees: together they fill about as many cells as a scan of KITTI
BOXES = 50
SCAN_NS = 100_000_000


def figures() -> Iterator[Figure]:
    """All figures, one after the other."""
    random = np.random.default_rng(4)
    traffic = simulate_traffic(random, 1.0)
    scans = traffic_scans(traffic, surroundings(traffic, random, 250), random, HDL_64)
    clouds = [_repeated(scan) for scan in scans]
    centres = np.column_stack([random.uniform(-30.0, 30.0, (BOXES, 2)), np.ones(BOXES)])
    boxes = np.column_stack([centres, np.tile([4.2, 1.8, 1.6], (BOXES, 1)), random.uniform(-3.0, 3.0, BOXES)])
    for name in SHIPPED:
        memory = FlowMemory.load(name=name)
        numbers = count()
        for _ in clouds:
            _update(memory, clouds, numbers)
        if name == SHIPPED[0]:
            assert memory.newest is not None
            yield size("flow_memory_cells", float(len(memory.newest.cells)), "cells")
            yield timed("flow_memory_velocities_of_50_boxes", partial(memory.velocities, boxes))
        yield timed(f"{name}_update", partial(_update, memory, clouds, numbers))


def _repeated(scan: TrafficScan) -> Array:
    """Points (N,2) of a scan around its sensor, in `TURNS` copies that are turned by 90 degrees each."""
    points = scan.points[:, :2] - scan.T_world_lidar[:2, 3]
    quarters = planar.rotations(0.5 * np.pi * np.arange(TURNS, dtype=np.float64))
    return np.vstack([points @ quarter.T for quarter in quarters])


def _update(memory: FlowMemory, clouds: list[Array], numbers: Iterator[int]) -> None:
    """Update with the next cloud; after the last one, the first one follows."""
    k = next(numbers)
    memory.update(clouds[k % len(clouds)], np.eye(4), k * SCAN_NS)

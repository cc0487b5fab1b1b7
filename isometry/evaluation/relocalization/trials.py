"""Trials of relocalisation: where a robot is switched on, how it moves, and from when on its pose can be known.

A robot stands, then drives along the route towards what tells its place from others. Its pose is unknowable as long as
a rival is left: a place from which everything up to now would have been measured as well, by any sensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isometry.arrays import Array, Flags
from isometry.datasets.odometry import OdometryDrift, drifting_odometry
from isometry.geometry import se3
from isometry.simulation.worlds.world import World

STEP_M = 1.0  # between scans while driving
STANDING = 4  # scans before the robot drives
UNDECIDED = 3  # of four trials begin where the pose is unknowable, if there are such places


@dataclass(frozen=True)
class Trial:
    """One drive after being switched on. S scans."""

    number: int
    T_world_base: Array  # (S,4,4) the true poses
    T_odom_base: Array  # (S,4,4) with drift
    knowable: Flags  # (S,) from the first true one on, no rival is left

    @property
    def begins_unknowable(self) -> bool:
        """Whether another place looked the same when the robot was switched on."""
        return not bool(self.knowable[0])

    @property
    def becomes_knowable(self) -> bool:
        """Whether no rival is left at the end."""
        return bool(self.knowable[-1])


def draw_trials(world: World, count: int, metres: float, drift: float, seed: int) -> list[Trial]:
    """So many trials of at most so many metres each; three of four begin where the pose is unknowable.

    Half of those begin where what decides is within reach. `drift` is the error of odometry over the distance, and
    over each metre. Raises ValueError for a route that is shorter than a trial.
    """
    random = np.random.default_rng([seed, 1])
    out = world.lap(STEP_M)
    laps = out, world.lap(STEP_M, backwards=True)
    scans = int(metres / STEP_M)
    if len(out) <= scans:
        raise ValueError(f"a trial of {metres:g} m does not fit on a route of {len(out) * STEP_M:g} m")
    undecided = [np.array([len(world.twins(T)) > 0 for T in lap[:-scans]]) for lap in laps]
    trials = []
    for number in range(count):
        way = number % 2
        lap, without_twin = laps[way], ~undecided[way]
        starts = np.flatnonzero(without_twin)
        if number % 4 < UNDECIDED and not without_twin.all():
            starts = np.flatnonzero(undecided[way])
            if number % 4 < 2:  # the end of the stretch is near
                ahead = np.array([without_twin[k : k + scans // 2].any() for k in starts])
                starts = starts[ahead] if ahead.any() else starts
        if not len(starts):
            starts = np.arange(len(lap) - scans)
        start = int(random.choice(starts))
        poses = np.concatenate([np.repeat(lap[start : start + 1], STANDING, axis=0), lap[start : start + scans]])
        errors = OdometryDrift(drift, 100.0 * drift, int(random.integers(2**31)), STEP_M)
        odometry = drifting_odometry(poses, errors)
        trials.append(Trial(number, poses, odometry, knowable_along(world, poses)))
    return trials


def knowable_along(world: World, poses: Array) -> Flags:
    """From which of the poses (S,4,4) of a drive on no rival is left (S,)."""
    known = np.zeros(len(poses), np.bool_)
    rivals = list(world.twins(poses[0]) @ se3.inverse(poses[0]))  # (4,4) each, from the drive to one elsewhere
    for k, pose in enumerate(poses):
        rivals = [T for T in rivals if world.alike(pose, T @ pose)]
        known[k] = not rivals
        if not rivals:
            known[k:] = True
            break
    return known

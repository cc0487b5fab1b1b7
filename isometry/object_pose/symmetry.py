"""Symmetries of an object, found from its mesh: of its shape alone, and of its shape with its colours.

mesh -> points spread over its surface, with colours                       surface.py
     -> axes that its principal moments allow
     -> turns about these that bring the points back to the surface
     -> each of them refined, and measured against a tolerance
     -> the group that they generate                                       symmetry_group.py
     -> those of the group that bring back the colours as well
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.geometry import se3
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.rendering import Renderer
from isometry.object_pose.sphere import directions
from isometry.object_pose.surface import SurfacePoints, sample
from isometry.object_pose.symmetry_group import SymmetryGroup

ORDERS = (2, 3, 4, 5, 6, 7)  # of turns; a prism of more sides is round within the tolerance
OTHER_ANGLES = (0.7, 1.3, 2.3, 2.9)  # radians, of no order: only what is round is brought back by them
POINTS, FEW_POINTS, TESTED_POINTS = 20_000, 200, 1500  # on the surface; of them in the first and in the last test
EQUAL_SPREAD = 1.1  # ratio of two principal spreads below which they can be the same
SPHERE_DIRECTIONS, CIRCLE_DIRECTIONS = 1200, 60
REFINED = 80  # turns that are refined, best first
ITERATIONS = 12
WEIGHT_OF_CENTRE = 0.3  # of the centre of area, against each turn, where turns do not determine the centre
# shares of the diameter: a depth camera errs by as much on an object of 0.2 m, as do scans of surfaces
COARSE_MEAN, MEAN, LARGEST = 0.04, 0.01, 0.035
ORDER_TOLERANCE = 0.0015  # between the errors of turns of several orders about one axis
LARGEST_PERCENTILE = 99.0
SAME_TURN = np.radians(8.0)
MOST_TURNS = 60  # of the icosahedron
# of colours 0 to 1, each averaged over a patch: printed labels differ by more, shades of a scan by less
PATCH = 12  # points
COLOUR_MEAN, COLOUR_LARGEST, COLOUR_PERCENTILE = 0.04, 0.12, 95.0
COLOUR_STEP = np.radians(5.0)  # between the turns about an axis that are tested for colours


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The symmetries of an object."""

    shape: SymmetryGroup  # of the surface alone: what depth cannot tell apart
    coloured: SymmetryGroup  # of the surface with its colours; without colours the same as `shape`


def find_symmetry(mesh: ObjectMesh) -> Symmetry:
    """The symmetries of a mesh. They turn with it, and do not depend on the order of its vertices."""
    search = _Search(mesh)
    shape = search.group()
    return Symmetry(shape, shape if mesh.colours is None else _with_colours(search, shape))


class _Search:
    """The surface of a mesh around the point that every symmetry leaves where it is."""

    def __init__(self, mesh: ObjectMesh) -> None:
        self.renderer, self.diameter = Renderer(mesh), mesh.diameter
        self.surface: SurfacePoints = sample(mesh, POINTS)
        corners = mesh.vertices[mesh.faces]
        self.centre: Array = np.average(corners.mean(axis=1), axis=0, weights=mesh.face_areas)
        self.points = self.surface.points - self.centre
        self.tree = cKDTree(self.points)

    def group(self) -> SymmetryGroup:
        """The turns that bring the surface back."""
        candidates = self._candidates()
        self._move_centre([turn for turn, _ in candidates])
        found = self._held(candidates)
        axes = _distinct([axis for axis, order in found if order > 2])
        round_axes = [axis for axis in axes if all(self.holds(_turn(axis, angle)) for angle in OTHER_ANGLES)]
        identity = np.eye(3)[None]
        if len(round_axes) > 1:
            return SymmetryGroup(self.centre, identity, sphere=True)
        half_turns = [axis for axis, order in found if order == 2]
        if len(axes) == 1:
            axis = axes[0]
            across = [other for other in half_turns if abs(other @ axis) < np.sin(SAME_TURN)]
            across.sort(key=lambda other: self.error(_turn(other, np.pi)))
            flips = np.array([np.eye(3), *(_turn(_across(other, axis), np.pi) for other in across[:1])])
            if round_axes:
                return SymmetryGroup(self.centre, flips, axis)
            order = self._order(axis)
            turns = np.array([_turn(axis, 2.0 * np.pi * k / order) for k in range(order)])
            return SymmetryGroup(self.centre, np.einsum("fij,tjk->ftik", flips, turns).reshape(-1, 3, 3))
        generators = [_turn(axis, 2.0 * np.pi / self._order(axis)) for axis in axes]
        generators += [_turn(axis, np.pi) for axis in half_turns]
        return SymmetryGroup(self.centre, self._closed(generators))

    def error(self, turn: Array) -> float:
        """Mean distance, over the diameter, of the turned surface from itself."""
        return float(self._apart(turn).mean())

    def holds(self, turn: Array) -> bool:
        """Whether a turn (3,3) brings the surface back to itself within the tolerance."""
        apart = self._apart(turn)
        return bool(apart.mean() < MEAN and np.percentile(apart, LARGEST_PERCENTILE) < LARGEST)

    def _apart(self, turn: Array) -> Array:
        """Distances, over the diameter, of turned points from the surface, forwards and backwards."""
        points = self.points[:TESTED_POINTS]
        moved = np.vstack([points @ turn.T, points @ turn])
        return np.asarray(np.linalg.norm(self._nearest(moved) - moved, axis=1) / self.diameter)

    def _order(self, axis: Array) -> int:
        """The order of the turns about an axis that fit about as well as the best of them."""
        errors = {order: self.error(_turn(axis, 2.0 * np.pi / order)) for order in ORDERS}
        return max(order for order in ORDERS if errors[order] <= min(errors.values()) + ORDER_TOLERANCE)

    def _nearest(self, points: Array) -> Array:
        return self.renderer.nearest(points + self.centre)[0] - self.centre

    def _move_centre(self, turns: list[Array]) -> None:
        """Move the centre to where turns leave it: a spout or a dent has drawn the centre of area to its side."""
        if not turns:
            return
        refined = [self._refine(turn, moving=True) for turn in turns[: REFINED // 4]]
        points = self.points[:FEW_POINTS]
        moved = [points @ turn.T + shift for turn, shift in refined]
        errors = [np.linalg.norm(self._nearest(there) - there, axis=1).mean() / self.diameter for there in moved]
        system, right = [WEIGHT_OF_CENTRE * np.eye(3)], [np.zeros(3)]
        for (turn, shift), error in zip(refined, errors, strict=True):
            if error <= min(errors) + ORDER_TOLERANCE:
                system.append(np.eye(3) - turn)
                right.append(shift)
        offset = np.linalg.lstsq(np.vstack(system), np.concatenate(right), rcond=None)[0]
        self.centre, self.points = self.centre + offset, self.points - offset
        self.tree = cKDTree(self.points)

    def _axes(self) -> Array:
        """Directions (D,3) that can be axes: a turn leaves the principal moments as they are."""
        moments, principal = np.linalg.eigh(np.cov(self.points.T))
        spreads = np.sqrt(np.maximum(moments, 0.0))
        first, second = (spreads[k + 1] < EQUAL_SPREAD * spreads[k] for k in (0, 1))
        if first and second:
            everywhere = directions(SPHERE_DIRECTIONS)
            return np.vstack([principal.T, everywhere[: SPHERE_DIRECTIONS // 2]])
        if not first and not second:
            return np.asarray(principal.T)
        u, v = (principal[:, 0], principal[:, 1]) if first else (principal[:, 1], principal[:, 2])
        angles = np.pi * np.arange(CIRCLE_DIRECTIONS)[:, None] / CIRCLE_DIRECTIONS
        return np.vstack([principal.T, np.cos(angles) * u + np.sin(angles) * v])

    def _candidates(self) -> list[tuple[Array, int]]:
        """Turns (3,3) that nearly bring the surface back, and their orders, best first."""
        axes, few = self._axes(), self.points[:FEW_POINTS]
        turns = [(_turn(axis, 2.0 * np.pi / order), order) for order in ORDERS for axis in axes]
        moved = few @ np.swapaxes(np.array([turn for turn, _ in turns]), 1, 2)
        apart = self.tree.query(moved.reshape(-1, 3))[0].reshape(len(turns), -1).mean(axis=1) / self.diameter
        return [turns[k] for k in np.argsort(apart) if apart[k] < COARSE_MEAN][:REFINED]

    def _held(self, candidates: list[tuple[Array, int]]) -> list[tuple[Array, int]]:
        """Axes (3,) and orders of the turns that hold, moved to where they do best."""
        kept: list[tuple[Array, int]] = []
        for turn, order in candidates:
            vector = Rotation.from_matrix(self._refine(turn)[0]).as_rotvec()
            angle = float(np.linalg.norm(vector))
            axis = vector / max(angle, 1e-9)
            if abs(angle - 2.0 * np.pi / order) > SAME_TURN or any(
                order == other and abs(axis @ there) > np.cos(SAME_TURN) for there, other in kept
            ):
                continue
            if self.holds(_turn(axis, 2.0 * np.pi / order)):
                kept.append((axis, order))
        return kept

    def _refine(self, turn: Array, moving: bool = False) -> tuple[Array, Array]:
        """The turn nearby that brings the points best to the surface, by closest points; if `moving`, a shift too."""
        points = self.points[: 2 * FEW_POINTS]
        shift = np.zeros(3)
        for _ in range(ITERATIONS):
            there = self._nearest(points @ turn.T + shift)
            here_mean, there_mean = (points.mean(axis=0), there.mean(axis=0)) if moving else (shift, shift)
            turn = se3.nearest_rotation((there - there_mean).T @ (points - here_mean))
            shift = there_mean - turn @ here_mean if moving else shift
        return turn, shift

    def _closed(self, generators: list[Array]) -> Array:
        """The group (S,3,3) of some turns, each of its elements measured; the identity first."""
        group = [np.eye(3)]
        waiting = list(generators)
        while waiting and len(group) < MOST_TURNS:
            turn = waiting.pop(0)
            angles = Rotation.from_matrix(np.array(group) @ turn.T).magnitude()
            if angles.min() > SAME_TURN and self.holds(turn):
                group.append(turn)
                waiting += [turn @ other for other in group[1:]] + [other @ turn for other in group[1:-1]]
        return np.array(group)


def _with_colours(search: _Search, shape: SymmetryGroup) -> SymmetryGroup:
    """The part of a group that brings back the colours, too."""
    smooth = _smoothed(search)
    points = search.points[:: max(len(search.points) // TESTED_POINTS, 1)]
    colours = smooth[:: max(len(search.points) // TESTED_POINTS, 1)]

    def holds(turn: Array) -> bool:
        there = smooth[search.tree.query(points @ turn.T)[1]]
        apart = np.linalg.norm(there - colours, axis=1) / np.sqrt(3.0)
        return bool(apart.mean() < COLOUR_MEAN and np.percentile(apart, COLOUR_PERCENTILE) < COLOUR_LARGEST)

    if shape.sphere:
        around = directions(SPHERE_DIRECTIONS)[: SPHERE_DIRECTIONS // 2]
        if all(holds(_turn(axis, angle)) for axis in around[::40] for angle in OTHER_ANGLES):
            return shape
        axes = [axis for axis in around if all(holds(_turn(axis, angle)) for angle in OTHER_ANGLES)]
        return SymmetryGroup(shape.centre, np.eye(3)[None], axes[0] if axes else None)
    if shape.axis is None:
        return SymmetryGroup(shape.centre, np.array([turn for turn in shape.turns if holds(turn)]))
    axis = shape.axis
    every = shape.rotations(COLOUR_STEP)
    about_axis, across = every[:: len(shape.turns)], every[1 :: len(shape.turns)] if len(shape.turns) > 1 else every[:0]
    held = [turn for turn in across if holds(turn)]
    if all(holds(turn) for turn in about_axis):
        return SymmetryGroup(shape.centre, np.array([np.eye(3), *held[:1]]), axis)
    orders = [order for order in ORDERS if holds(_turn(axis, 2.0 * np.pi / order))]
    count = max(orders, default=1)
    turns = [_turn(axis, 2.0 * np.pi * k / count) for k in range(count)]
    return SymmetryGroup(shape.centre, np.array(turns + [turn @ held[0] for turn in turns if held]))


def _smoothed(search: _Search) -> Array:
    """The colours of the points, each the mean over a patch around it."""
    neighbours = search.tree.query(search.points, PATCH)[1]
    return np.asarray(search.surface.colours[neighbours].mean(axis=1))


def _turn(axis: Array, angle: float) -> Array:
    matrix: Array = Rotation.from_rotvec(angle * axis).as_matrix()
    return matrix


def _across(other: Array, axis: Array) -> Array:
    """The unit vector (3,) nearest to another one at right angles to an axis."""
    straight = other - (other @ axis) * axis
    return np.asarray(straight / np.linalg.norm(straight))


def _distinct(axes: list[Array]) -> list[Array]:
    kept: list[Array] = []
    for axis in axes:
        if all(abs(axis @ other) < np.cos(SAME_TURN) for other in kept):
            kept.append(axis)
    return kept

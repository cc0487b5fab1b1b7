"""What a user says of an object in a YAML file beside its mesh: its unit, its symmetries, and how it stands.

unit: mm                              # m, cm or mm; m if it is not there
symmetry:                             # or `symmetry: none`; without it symmetries are found from the mesh
  axes: [[0, 0, 1]]                   # any turn about each of these axes
  discrete: [{axis: [1, 0, 0], order: 2}]
  centre: [0, 0, 40]                  # a point on all axes, in the mesh's unit; else the middle of its extent
stands: [0, 0, 1]                     # upwards where it stands, or auto; for glass, whose depth cannot be measured
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.object_pose.foot import standing_direction
from isometry.object_pose.mesh import UNITS, ObjectMesh
from isometry.object_pose.symmetry import Symmetry
from isometry.object_pose.symmetry_group import SymmetryGroup

MOST_TURNS = 60  # of the icosahedron
HIGHEST_ORDER = 60
SAME_TURN = np.radians(1.0)


class UnusableSettingsError(ValueError):
    """A file of settings that cannot be used; the message of one line names it and what is wrong."""


@dataclass(frozen=True, eq=False)
class StatedSymmetry:
    """Symmetries as the user states them."""

    axes: tuple[Array, ...] = ()  # (3,) unit: any turn about each of them
    discrete: tuple[tuple[Array, int], ...] = ()  # axis (3,) unit and order: turns by 360 degrees over the order
    centre: Array | None = None  # (3,) in the mesh's unit; None: the middle of its extent

    def of(self, mesh: ObjectMesh, unit: str) -> Symmetry:
        """The symmetries of a mesh in metres that was made of one in `unit`. Raises ValueError if they contradict."""
        centre = mesh.centre if self.centre is None else self.centre * UNITS[unit]
        turns = _closed([_turn(axis, 2.0 * np.pi / order) for axis, order in self.discrete])
        if any(abs(axis @ self.axes[0]) < np.cos(SAME_TURN) for axis in self.axes[1:]):
            group = SymmetryGroup(centre, np.eye(3)[None], sphere=True)
        elif self.axes:
            group = SymmetryGroup(centre, _flips(self.axes[0], turns), self.axes[0])
        else:
            group = SymmetryGroup(centre, turns)
        return Symmetry(group, group)


@dataclass(frozen=True, eq=False)
class ObjectSettings:
    """The content of the file."""

    unit: str = "m"
    symmetry: StatedSymmetry | None = None  # None: it is found from the mesh
    stands: Array | Literal["auto"] | None = None  # (3,) unit upwards; auto: on its largest foot; None: in no known way
    text: str = ""  # of the file, by which a preparation is known to be of these settings

    def upright(self, mesh: ObjectMesh) -> Array | None:
        """The direction (3,) upwards of a mesh that stands; None for one that may lie in any way."""
        return standing_direction(mesh) if isinstance(self.stands, str) else self.stands


def read_settings(path: Path) -> ObjectSettings:
    """The settings of a YAML file; the defaults where there is none. Raises UnusableSettingsError naming it."""
    if not path.exists():
        return ObjectSettings()
    try:
        text = path.read_text()
        content = yaml.safe_load(text)
        return _settings({} if content is None else content, text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise UnusableSettingsError(f"{path}: {' '.join(str(error).split())}") from error


def write_unit(path: Path, unit: str) -> None:
    """Write the unit into a YAML file that may exist; its other lines stay. Raises ValueError or OSError."""
    _check_unit(unit)
    text = path.read_text() if path.exists() else ""
    kept = [line for line in text.splitlines() if not line.startswith("unit:")]
    changed = "\n".join([f"unit: {unit}", *kept]) + "\n"
    if text.lstrip().startswith("{"):  # one map on its own, in which no line can be put
        changed = yaml.safe_dump({**yaml.safe_load(text), "unit": unit}, sort_keys=False)
    unfinished = path.with_suffix(".yaml.tmp")
    unfinished.write_text(changed)
    unfinished.replace(path)


def _settings(content: Any, text: str) -> ObjectSettings:
    _check_keys(content, ("unit", "symmetry", "stands"), "the file")
    unit = content.get("unit", "m")
    _check_unit(unit)
    stated = content.get("symmetry")
    stands = content.get("stands")
    upright = stands if stands in (None, "auto") else _axis(stands, "stands (or write `stands: auto`)")
    return ObjectSettings(unit, None if stated is None else _symmetry(stated), upright, text)


def _check_unit(unit: Any) -> None:
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r}: it must be one of {', '.join(UNITS)}")


def _symmetry(content: Any) -> StatedSymmetry:
    if content == "none":
        return StatedSymmetry()
    _check_keys(content, ("axes", "discrete", "centre"), "symmetry (or write `symmetry: none`)")
    axes = tuple(_axis(axis, "symmetry.axes") for axis in _sequence(content, "axes"))
    discrete = tuple(_discrete(each) for each in _sequence(content, "discrete"))
    centre = None if content.get("centre") is None else _vector(content["centre"], "symmetry.centre")
    turns = _closed([_turn(axis, 2.0 * np.pi / order) for axis, order in discrete])
    if axes:
        _flips(axes[0], turns)  # raises ValueError where they contradict each other
    return StatedSymmetry(axes, discrete, centre)


def _discrete(content: Any) -> tuple[Array, int]:
    _check_keys(content, ("axis", "order"), "symmetry.discrete")
    order = content.get("order")
    if isinstance(order, bool) or not isinstance(order, int) or not 2 <= order <= HIGHEST_ORDER:
        raise ValueError(f"symmetry.discrete: order {order!r} must be a whole number from 2 to {HIGHEST_ORDER}")
    return _axis(content.get("axis"), "symmetry.discrete.axis"), order


def _sequence(content: Mapping[str, Any], name: str) -> Sequence[Any]:
    values = content.get(name) or []
    if not isinstance(values, list):
        raise ValueError(f"symmetry.{name} must be a list")
    return values


def _axis(value: Any, name: str) -> Array:
    axis = _vector(value, name)
    length = float(np.linalg.norm(axis))
    if length == 0.0:
        raise ValueError(f"{name}: an axis of zeros")
    return axis / length


def _vector(value: Any, name: str) -> Array:
    try:
        vector = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        vector = np.zeros(0)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f"{name}: {value!r} must be three finite numbers")
    return vector


def _check_keys(content: Any, known: Sequence[str], name: str) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"{name} must have entries {', '.join(known)}, not {content!r}")
    for key in content:
        if key not in known:
            raise ValueError(f"{name} has no entry {key!r} (there are {', '.join(known)})")


def _turn(axis: Array, angle: float) -> Array:
    matrix: Array = Rotation.from_rotvec(angle * axis).as_matrix()
    return matrix


def _closed(generators: Sequence[Array]) -> Array:
    """The group (S,3,3) of some turns, the identity first. Raises ValueError when it is not a group of a solid."""
    group = [np.eye(3)]
    waiting = list(generators)
    while waiting:
        turn = waiting.pop(0)
        if Rotation.from_matrix(np.array(group) @ turn.T).magnitude().min() <= SAME_TURN:
            continue
        if len(group) == MOST_TURNS:
            raise ValueError(f"symmetry.discrete: its turns together make more than {MOST_TURNS}: are the axes exact?")
        group.append(turn)
        waiting += [turn @ other for other in group[1:]] + [other @ turn for other in group[1:-1]]
    return np.array(group)


def _flips(axis: Array, turns: Array) -> Array:
    """Of turns (S,3,3), the identity and one that turns an axis (3,) upside down, if there is one.

    Raises ValueError for a turn that brings the axis elsewhere: then it is not the only one.
    """
    along = turns @ axis @ axis
    if np.any(np.abs(along) < np.cos(SAME_TURN)):
        raise ValueError("symmetry.discrete brings the axis of symmetry.axes to another place: name that axis, too")
    return np.concatenate([np.eye(3)[None], turns[along < 0.0][:1]])

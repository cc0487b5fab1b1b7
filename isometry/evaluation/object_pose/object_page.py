"""A known object on an HTML page that needs no network: its mesh with the axes of its symmetries, and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from scipy.spatial.transform import Rotation

from isometry.arrays import Array
from isometry.evaluation.common.page import rows, section, write_page
from isometry.evaluation.common.plot_style import BLUE, GREEN, ORANGE
from isometry.object_pose.library import KnownObject
from isometry.object_pose.mesh import ObjectMesh
from isometry.object_pose.symmetry_group import SymmetryGroup
from isometry.object_pose.thinning import thinned

MOST_FACES_SHOWN = 20_000
OVERHANG = 0.7  # of a drawn axis beyond the centre, over the diameter


def describe(known: KnownObject) -> dict[str, str]:
    """Size, diameter, colours and symmetries of an object, each in a few words."""
    mesh, symmetry = known.model.mesh, known.model.symmetry
    size = 1e3 * np.ptp(mesh.vertices, axis=0)
    said = {
        "mesh": f"{len(mesh.vertices)} vertices, {len(mesh.faces)} faces",
        "size": "{:.0f} x {:.0f} x {:.0f} mm".format(*size),
        "diameter": f"{1e3 * mesh.diameter:.0f} mm",
        "colours": "none" if mesh.colours is None else "of its vertices",
        "symmetry of the shape": words(symmetry.shape),
    }
    if mesh.colours is not None:
        said["symmetry with the colours"] = words(symmetry.coloured)
    if known.model.upright is not None:
        said["stands with"] = f"{_direction(known.model.upright, signed=True)} upwards"
    return said


def words(group: SymmetryGroup) -> str:
    """Symmetries in a few words."""
    if group.sphere:
        return "any turn"
    if group.axis is not None:
        upside_down = ", and upside down" if len(group.turns) > 1 else ""
        return f"any turn about {_direction(group.axis)}{upside_down}"
    if len(group.turns) == 1:
        return "none"
    named = ", ".join(f"{360.0 / order:.0f} deg about {_direction(axis)}" for axis, order in turn_axes(group))
    count = len(group.turns) - 1
    return f"{count} turn{'s' if count > 1 else ''} ({named})"


def turn_axes(group: SymmetryGroup) -> list[tuple[Array, int]]:
    """Axes (3,) of the discrete turns with their orders."""
    axes: list[tuple[Array, int]] = []
    for vector in Rotation.from_matrix(group.turns[1:]).as_rotvec():
        angle = float(np.linalg.norm(vector))
        axis, order = vector / angle, max(round(2.0 * np.pi / angle), 1)
        same = next((k for k, (other, _) in enumerate(axes) if abs(axis @ other) > 0.99), None)
        if same is None:
            axes.append((axis, order))
        else:
            axes[same] = (axes[same][0], max(order, axes[same][1]))
    return axes


def write_object_page(path: Path, known: KnownObject) -> Path:
    """Write the page under a temporary name, then rename it; returns its path."""
    said = describe(known)
    text = "Orange: any turn about this axis. Blue: discrete turns about it. Green: only without the colours."
    tiles = [(said["diameter"], "diameter"), (said["symmetry of the shape"], "symmetry of the shape")]
    sections = section("Mesh and axes", text, _figure(known)) + section("Figures", "", table=rows(said))
    if known.remarks:
        sections += section("Remarks", "; ".join(known.remarks))
    return write_page(path, known.name, str(known.path), tiles, sections)


def _figure(known: KnownObject) -> go.Figure:
    mesh, symmetry = known.model.mesh, known.model.symmetry
    figure = go.Figure(_surface(mesh))
    coloured = [axis for axis, _ in _axes(symmetry.coloured)]
    for axis, name in _axes(symmetry.shape):
        kept = any(abs(axis @ other) > 0.99 for other in coloured)
        colour = GREEN if not kept else ORANGE if name.startswith("any") else BLUE
        ends = symmetry.shape.centre + np.outer([-OVERHANG, OVERHANG], axis) * mesh.diameter
        line = {"color": colour, "width": 6}
        figure.add_scatter3d(x=ends[:, 0], y=ends[:, 1], z=ends[:, 2], mode="lines", line=line, name=name)
    for axis, colour in zip(np.eye(3), ("#dc2626", "#16a34a", "#2563eb"), strict=True):
        ends = np.array([np.zeros(3), 0.4 * mesh.diameter * axis])
        line = {"color": colour, "width": 3}
        figure.add_scatter3d(x=ends[:, 0], y=ends[:, 1], z=ends[:, 2], mode="lines", line=line, showlegend=False)
    figure.update_layout(height=700, margin={"l": 0, "r": 0, "t": 0, "b": 0}, scene_aspectmode="data")
    return figure


def _axes(group: SymmetryGroup) -> list[tuple[Array, str]]:
    found = [] if group.axis is None else [(group.axis, "any turn")]
    return found + [(axis, f"turns by {360.0 / order:.0f} deg") for axis, order in turn_axes(group)]


def _surface(mesh: ObjectMesh) -> go.Mesh3d:
    shown = thinned(mesh, MOST_FACES_SHOWN)
    x, y, z = shown.vertices.T
    i, j, k = shown.faces.T
    colours = None
    if shown.colours is not None:
        colours = ["rgb({},{},{})".format(*colour) for colour in np.round(255.0 * shown.colours).astype(int)]
    return go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, vertexcolor=colours, color="#94a3b8", flatshading=colours is None)


def _direction(axis: Array, signed: bool = False) -> str:
    """An axis in words: a letter where it is one of the object's own axes, with its sign if that counts."""
    largest = int(np.argmax(np.abs(axis)))
    if abs(axis[largest]) > 0.999:
        return ("-" if signed and axis[largest] < 0.0 else "") + "xyz"[largest]
    return "({:.2f}, {:.2f}, {:.2f})".format(*axis)

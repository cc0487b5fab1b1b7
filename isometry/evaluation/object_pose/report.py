"""The report on object poses: figures, reliability of the confidence, and pictures of all instances, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isometry.evaluation.common.page import number, pair, rows, section, share, write_page
from isometry.evaluation.common.picture import picture
from isometry.evaluation.common.reliability_plot import reliability_of
from isometry.evaluation.object_pose.cases import Case
from isometry.evaluation.object_pose.measure import RIGHT_M, WRONG_DEG, InstanceResult
from isometry.geometry import se3
from isometry.object_pose.rendering import Window, rays_through

SIDE = 480  # pixels of a picture
MARGIN = 0.25  # around an object in it, share of its larger side
TRUE, ESTIMATED, OTHER = (40, 220, 70), (255, 60, 60), (255, 200, 40)  # colours of outlines
OUTLINE = 2  # pixels
LEAST_DEPTH_M = 0.05
MOST_SHOWN = 400  # pictures: a page of many sequences would not open


def write_report(
    path: Path, figures: dict[str, Any], provenance: dict[str, Any], results: Sequence[InstanceResult]
) -> Path:
    """Write the page of figures and of the results from which they were computed; returns its path."""
    return write_page(
        path,
        "Object pose",
        f"{provenance['data']} · {provenance['model']['name']} · {provenance['date']}",
        _headline(figures),
        _sections(figures, provenance, results),
    )


def wrong_first(results: Sequence[InstanceResult]) -> list[InstanceResult]:
    """The results, those without a pose first, then by their errors over those up to which a pose is right."""
    return sorted(results, key=lambda each: -max(each.rotation_deg / WRONG_DEG, each.translation_m / RIGHT_M))


def _headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            f"{share(figures['recall_5deg_2cm'])}, {share(figures['recall_10deg_2cm'])}",
            "right within 5, 10 deg and 2 cm",
        ),
        (
            f"{share(figures['recall_5deg_2cm_shape'])}, {share(figures['recall_10deg_2cm_shape'])}",
            "the same up to the symmetry of the shape",
        ),
        (share(figures["mode_recall"]), "the true rotation is within 10 deg of a mode"),
        (share(figures["overconfident"]), f"over 10 deg wrong, of {figures['confident']} of a confidence over 0.9"),
        (
            number(1e3 * figures["translation_error_m"], "mm") if figures["translation_error_m"] is not None else "-",
            "error of the position, median",
        ),
        (
            number(figures["processor_seconds"], "s"),
            "of processor time for a first pose, or an image in which all are looked for",
        ),
    ]


def _sections(figures: dict[str, Any], provenance: dict[str, Any], results: Sequence[InstanceResult]) -> str:
    answered = [each for each in results if each.answer.modes]
    content = ""
    if answered:
        confidences = np.array([each.answer.confidence for each in answered])
        right = np.array([each.within(WRONG_DEG, RIGHT_M) for each in answered])
        content += section(
            "Reliability of the confidence",
            "Right is within 10 deg and 2 cm. The size of a dot is by its number of poses.",
            reliability_of(confidences, right, "poses"),
        )
    shown = [_instance(each) for each in wrong_first(results)[:MOST_SHOWN]]
    content += section(
        "Every instance, wrong ones first" if len(results) <= MOST_SHOWN else f"The {MOST_SHOWN} worst instances",
        "Left the image, right the same with outlines: green the true pose, red the answer, yellow its other modes.",
    )
    content += "".join(pair(*shown[k : k + 2]) if k + 1 < len(shown) else shown[k] for k in range(0, len(shown), 2))
    overall = {name: value for name, value in figures.items() if name != "instances"}
    return content + pair(
        section("Figures", "", table=rows(overall)), section("How it was made", "", table=rows(provenance))
    )


def _instance(result: InstanceResult) -> str:
    case, answer = result.case, result.answer
    title = f"Object {case.instance.object_number}, frame {case.frame.name}"
    if answer.modes:
        modes = f"{len(answer.modes)} mode{'s' if len(answer.modes) > 1 else ''}"
        said = (
            f"{result.rotation_deg:.1f} deg and {1e3 * result.translation_m:.1f} mm off, "
            f"confidence {answer.confidence:.2f}, {answer.reason}, {modes}"
        )
    else:
        said = f"no pose: {answer.reason}"
    said += f"; {100.0 * case.visible:.0f} % visible"
    return section(title, said, table=picture(_overlay(result), title))


def _overlay(result: InstanceResult) -> NDArray[np.uint8]:
    """The part of an image around an object twice: as it is, and with outlines."""
    case, modes = result.case, [mode.T_camera_object for mode in result.answer.modes]
    window = _window(case)
    image = _part(case.observation.colour, window)
    outlined = image.copy()
    poses = [*modes[1:], case.T_camera_object, *modes[:1]]
    paints = [OTHER] * len(modes[1:]) + [TRUE] + [ESTIMATED] * len(modes[:1])
    rays = rays_through(case.observation.camera, window.pixels())
    shown = case.prepared.model.renderer.depth(np.array(poses), rays).reshape(-1, SIDE, SIDE) > 0.0
    for paint, silhouette in zip(paints, shown, strict=True):
        outlined[ndimage.binary_dilation(silhouette, iterations=OUTLINE) & ~silhouette] = paint
    return np.hstack([image, outlined])


def _window(case: Case) -> Window:
    """A square around the object at its true pose; it may reach beyond the image."""
    points = se3.apply(case.T_camera_object, case.prepared.model.mesh.vertices)
    pixels = (points @ case.observation.camera.T)[:, :2] / np.maximum(points[:, 2:], LEAST_DEPTH_M)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    side = (1.0 + 2.0 * MARGIN) * float((high - low).max())
    left, top = (low + high - side) / 2.0
    return Window(float(left), float(top), SIDE, SIDE, side / (SIDE - 1))


def _part(colour: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The pixels (SIDE,SIDE,3) of an image (H,W,3) in a window, black outside of the image."""
    u, v = np.round(window.pixels()).astype(np.intp).T
    height, width = colour.shape[:2]
    known = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    part = np.zeros((SIDE * SIDE, 3), np.uint8)
    part[known] = colour[v[known], u[known]]
    return part.reshape(SIDE, SIDE, 3)

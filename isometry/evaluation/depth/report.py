"""The report on depth: figures beside those of what needs no image, and pictures, the worst frames first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from isometry.depth_egomotion.depth_model import DepthModel
from isometry.evaluation.common.page import grid, number, pair, rows, section, share, write_page
from isometry.evaluation.common.picture import picture
from isometry.evaluation.depth.measure import MODEL, NAMES, JudgedFrame, TrueDepth
from isometry.evaluation.depth.metrics import SCALINGS

SHOWN = 8  # frames
FURTHEST = 0.98  # quantile of the true depth at which the colours end
ERROR = 0.5  # relative error at which its colours end


def write_report(
    path: Path,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    judged: Sequence[JudgedFrame],
    model: DepthModel,
    true_depth: TrueDepth,
) -> Path:
    """Write the page; returns its path."""
    worst = sorted(judged, key=lambda frame: -frame.errors[MODEL]["scaled"].abs_rel)
    spread = [worst[k] for k in np.unique(np.linspace(0, len(worst) - 1, min(SHOWN, len(worst))).astype(int))]
    content = section("Beside what needs no image", "Means over frames.", table=_table(figures))
    content += section(
        "From the worst frame to the best", "Image, measured depth, predicted depth, relative error after scaling."
    )
    content += "".join(_shown(frame, model, true_depth) for frame in spread)
    content += pair(section("Figures", "", table=rows(figures)), section("How it was made", "", table=rows(provenance)))
    subtitle = f"{provenance['data']} · {provenance['model']['name']} · {provenance['date']}"
    return write_page(path, "Depth from one image", subtitle, headline(figures), content)


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important figures: values as text, and labels."""
    scaled, unscaled = figures["abs_rel"]["scaled"], figures["abs_rel"]["unscaled"]
    return [
        (f"{scaled[MODEL]:.3f}", f"relative error, scaled; mean image {scaled['mean_image']:.3f}"),
        (f"{unscaled[MODEL]:.3f}", f"relative error in metres; constant {unscaled['constant']:.3f}"),
        (share(figures["inside_2_sigma"]), "pixels inside two sigma"),
        (number(figures["normals_error_deg"], "deg"), "error of the normals, median"),
        (number(1e3 * figures["seconds_per_frame"], "ms"), "a frame, one thread, median"),
    ]


def _table(figures: dict[str, Any]) -> str:
    lines = [(f"{name}, {scaling}", *figures[name][scaling].values()) for name in NAMES for scaling in SCALINGS]
    return grid(("", *figures[NAMES[0]][SCALINGS[0]]), lines)


def _shown(frame: JudgedFrame, model: DepthModel, true_depth: TrueDepth) -> str:
    image, true = frame.recording.colour(frame.k), true_depth(frame.recording, frame.k)
    found = model.predict(image, frame.recording.camera).depth
    known = true > 0.0
    scale = np.median(true[known]) / np.median(found[known])
    error = np.where(known, np.abs(scale * found / np.where(known, true, 1.0) - 1.0), 0.0)
    furthest = float(np.quantile(true[known], FURTHEST))
    row = np.hstack(
        [image, _painted(true / furthest, known), _painted(found / furthest), _painted(error / ERROR, known)]
    )
    errors = frame.errors[MODEL]
    said = f"relative error {errors['scaled'].abs_rel:.3f} scaled, {errors['unscaled'].abs_rel:.3f} in metres"
    title = f"{frame.recording.name}, frame {frame.k}"
    return section(title, said, table=picture(np.ascontiguousarray(row), title))


def _painted(values: NDArray[np.floating], known: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Values (H,W) from 0 to 1 as colours (H,W,3), black where not known."""
    levels = (255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    return np.asarray(colours if known is None else np.where(known[..., None], colours, 0), np.uint8)

"""The report of a replay: one HTML page that needs no network, and the same figures as JSON beside it."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from isometry.evaluation import plots
from isometry.evaluation.judgement import REVISIT_RADIUS_M, Judgement
from isometry.evaluation.provenance import write_json
from isometry.evaluation.recording import Recording

CONFIG = {"displaylogo": False, "displayModeBar": False, "responsive": True}
PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1d2733; background: #f4f6f8; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 0 0 8px; }
p { margin: 0 0 12px; color: #52606d; }
section { background: #fff; border: 1px solid #dde3e9; border-radius: 8px; padding: 16px; margin-top: 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 12px; margin-top: 16px; }
.tile { background: #fff; border: 1px solid #dde3e9; border-radius: 8px; padding: 12px 16px; }
.tile b { display: block; font-size: 24px; line-height: 1.3; }
.tile span { color: #52606d; font-size: 13px; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 16px; }
@media (max-width: 800px) { .pair { grid-template-columns: minmax(0, 1fr); } }
.pair section { min-width: 0; overflow: hidden; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #e6ebf0; padding: 4px 8px; vertical-align: top; }
td:first-child { color: #52606d; width: 45%; }
td:last-child { overflow-wrap: anywhere; }
</style><script>$plotly</script></head>
<body><main><h1>$title</h1><p>$subtitle</p>
<div class="tiles">$tiles</div>
$sections
</main></body></html>
""")


def write_report(
    folder: Path,
    title: str,
    figures: dict[str, Any],
    provenance: dict[str, Any],
    recording: Recording,
    judgement: Judgement | None,
) -> Path:
    """Write report.html and report.json into `folder`, under temporary names first; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", {**figures, "provenance": provenance})
    page = PAGE.substitute(
        title=html.escape(title),
        subtitle=html.escape(f"{provenance['data']} · {provenance['date']}"),
        plotly=get_plotlyjs(),
        tiles="".join(_tile(value, label) for value, label in headline(figures)),
        sections=_sections(figures, provenance, recording, judgement),
    )
    path = folder / "report.html"
    unfinished = path.with_suffix(".html.tmp")
    unfinished.write_text(page)
    unfinished.replace(path)
    return path


def headline(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """What a reader wants to know first: values as text, and what they are."""
    told: list[tuple[str, str]] = []
    if figures["judged"]:
        error = figures["translation_error_m"]["median"], figures["rotation_error_deg"]["median"]
        told += [
            (share(figures["recall_at_1"]), f"recall@1 verified ({share(figures['recall_at_1_retrieval'])} retrieval)"),
            (share(figures["pose_success"]), "accepted poses right (< 2 m, < 5°)"),
            (number(error[0], "m") + ", " + number(error[1], "°"), "pose error, median"),
            (share(figures["wrong_accepted"]), "wrong poses accepted"),
            (
                f"{number(figures['path_error_m'], 'm')}",
                f"path error with loops ({number(figures['odometry_path_error_m'], 'm')} odometry alone)",
            ),
        ]
    return [
        *told,
        (number(figures["latency_p50_ms"], "ms"), f"latency p50 (p99 {number(figures['latency_p99_ms'], 'ms')})"),
        (str(figures["drops"]), f"drops of {figures['scans']} scans ({figures['refused']} more refused)"),
        (str(figures["provider"]).removesuffix("ExecutionProvider"), "execution provider in use"),
    ]


def share(value: float | None) -> str:
    """A fraction as per cent; a dash where it was not measured."""
    return "-" if value is None else f"{100.0 * value:.1f} %"


def number(value: float | None, unit: str) -> str:
    """Three digits and a unit; a dash where it was not measured."""
    return "-" if value is None else f"{value:.3g} {unit}"


def _sections(
    figures: dict[str, Any], provenance: dict[str, Any], recording: Recording, judgement: Judgement | None
) -> str:
    latency = _section(
        "Latency", "From the publication of a scan to the arrival of its answer.", plots.latency(recording)
    )
    told = _section("Figures", "", table=_rows({name: value for name, value in figures.items() if name != "node"}))
    made = _section("How it was made", "", table=_rows(provenance))
    said = _section("What the node said last", "From its /diagnostics.", table=_rows(figures["node"]))
    if judgement is None:
        note = "The bag has no /ground_truth/pose, so that nothing could be judged."
        return _section("Path", note, plots.path_without_truth(recording)) + latency + _pair(told, made) + said
    path = _section(
        "Path and loops",
        f"Found: accepted, and the matched keyframe lies within {REVISIT_RADIUS_M:g} m. Missed: there was such a "
        "keyframe, and no answer was accepted. Wrong: accepted, and the pose is not right.",
        plots.path(recording, judgement),
    )
    curve = _section(
        "Precision and recall",
        "Over the confidence from which an answer is believed.",
        plots.precision_recall_curve(recording, judgement),
    )
    errors = _section(
        "Pose error", "Of accepted answers, in the matched keyframe.", plots.pose_errors(recording, judgement)
    )
    return path + _pair(curve, errors) + latency + _pair(told, made) + said


def _section(title: str, text: str, figure: go.Figure | None = None, table: str = "") -> str:
    plot = (
        "" if figure is None else figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    )
    paragraph = f"<p>{html.escape(text)}</p>" if text else ""
    return f"<section><h2>{html.escape(title)}</h2>{paragraph}{plot}{table}</section>"


def _pair(left: str, right: str) -> str:
    return f'<div class="pair">{left}{right}</div>'


def _tile(value: str, label: str) -> str:
    return f'<div class="tile"><b>{html.escape(value)}</b><span>{html.escape(label)}</span></div>'


def _rows(content: dict[str, Any]) -> str:
    """A table of a nested mapping, one row a leaf."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(text)}</td></tr>" for name, text in _leaves(content)
    )
    return f"<table>{rows}</table>"


def _leaves(content: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    leaves: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            leaves += _leaves(value, f"{name} / ")
        elif isinstance(value, list):
            leaves.append((name, ", ".join(map(str, value)) or "-"))
        else:
            text = "-" if value is None else str(value)
            leaves.append((name, f"{value:.4g}" if isinstance(value, float) else text))
    return leaves

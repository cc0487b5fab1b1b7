"""The page of a report: one HTML file of tiles, plots and tables, which needs no network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

CONFIG = {"displayModeBar": False, "responsive": True}
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
.grid th, .grid td, .grid td:first-child { width: auto; padding: 4px 6px; text-align: right; color: inherit; }
.grid td:last-child { overflow-wrap: normal; }
.grid th:first-child, .grid td:first-child { text-align: left; }
</style><script>$plotly</script></head>
<body><main><h1>$title</h1><p>$subtitle</p>
<div class="tiles">$tiles</div>
$sections
</main></body></html>
""")


def write_page(path: Path, title: str, subtitle: str, tiles: Sequence[tuple[str, str]], sections: str) -> Path:
    """Write a page under a temporary name, then rename it; `tiles` are values and their labels. Returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = PAGE.substitute(
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        plotly=get_plotlyjs(),
        tiles="".join(_tile(value, label) for value, label in tiles),
        sections=sections,
    )
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(page)
    unfinished.replace(path)
    return path


def share(value: float | None) -> str:
    """A fraction in per cent; a dash for None."""
    return "-" if value is None else f"{100.0 * value:.1f} %"


def number(value: float | None, unit: str) -> str:
    """Three digits and a unit; a dash for None."""
    return "-" if value is None else f"{value:.3g} {unit}"


def section(title: str, text: str, figure: go.Figure | None = None, table: str = "") -> str:
    """A box with a title, a text, and a plot or a table."""
    plot = "" if figure is None else figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG)
    paragraph = f"<p>{html.escape(text)}</p>" if text else ""
    return f"<section><h2>{html.escape(title)}</h2>{paragraph}{plot}{table}</section>"


def pair(left: str, right: str) -> str:
    """Two sections beside each other."""
    return f'<div class="pair">{left}{right}</div>'


def _tile(value: str, label: str) -> str:
    return f'<div class="tile"><b>{html.escape(value)}</b><span>{html.escape(label)}</span></div>'


def rows(content: dict[str, Any]) -> str:
    """A table of a nested mapping, one row per leaf."""
    lines = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(text)}</td></tr>" for name, text in _leaves(content)
    )
    return f"<table>{lines}</table>"


def grid(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A table with a title over each column; None is a dash."""
    titles = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in line) + "</tr>" for line in lines
    )
    return f'<table class="grid"><tr>{titles}</tr>{body}</table>'


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _leaves(content: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    leaves: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            leaves += _leaves(value, f"{name} / ")
        elif isinstance(value, list):
            leaves.append((name, ", ".join(map(str, value)) or "-"))
        else:
            leaves.append((name, _cell(value)))
    return leaves

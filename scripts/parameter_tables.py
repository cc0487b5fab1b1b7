"""Write docs/parameters/<node>.md: every parameter of every node, as the node's dataclasses declare it.

usage: python scripts/parameter_tables.py            write the tables
       python scripts/parameter_tables.py --check    exit with 1, naming the file, when a committed table is stale

Each module `isometry.nodes.<capability>.node` has PARAMETERS, a sequence of (prefix, dataclass): a parameter's ROS name
is the prefix and the name of the field. Needs a ROS 2 or its wheels, as the nodes do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TABLES = REPOSITORY / "docs" / "parameters"


def main(arguments: Sequence[str]) -> int:
    """Write or check all tables; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    pages = {TABLES / f"{capability}.md": page(capability) for capability in capabilities()}
    if arguments:
        stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
        stale += sorted(set(TABLES.glob("*.md")) - set(pages))
        for path in stale:
            print(f"{path.relative_to(REPOSITORY)} is stale: run python scripts/parameter_tables.py", file=sys.stderr)
        return 1 if stale else 0
    TABLES.mkdir(parents=True, exist_ok=True)
    for path, text in pages.items():
        path.write_text(text)
    return 0


def capabilities() -> list[str]:
    """The folders of nodes/ that hold a node with parameters."""
    return sorted(path.parent.name for path in (REPOSITORY / "nodes").glob("*/node.py"))


def page(capability: str) -> str:
    """The parameters of one node as a Markdown page, a table for each dataclass."""
    declared: Sequence[tuple[str, type]] = import_module(f"isometry.nodes.{capability}.node").PARAMETERS
    lines = [
        f"# Parameters of {capability}_node",
        "",
        "Written by `python scripts/parameter_tables.py` from the dataclasses named below, which are the one source of",
        "names, defaults and ranges. A parameter file or a launch file only overrides them.",
    ]
    for prefix, kind in declared:
        lines += ["", f"## {kind.__name__}", "", f"`{kind.__module__}`: {first_line(kind)}", ""]
        lines += ["| parameter | default | allowed | description |", "| --- | --- | --- | --- |"]
        lines += rows(prefix, kind)
    return "\n".join(lines) + "\n"


def rows(prefix: str, kind: type) -> Iterator[str]:
    """One row of a table for each field of a parameter dataclass."""
    for item in fields(kind):
        description = item.metadata["description"].replace("|", "\\|")
        yield f"| `{prefix}{item.name}` | `{as_yaml(item.default)}` | {allowed(item)} | {description} |"


def first_line(kind: type) -> str:
    """What the docstring of a dataclass begins with."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def as_yaml(value: object) -> str:
    """A default as a parameter file would give it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def allowed(item: Field[Any]) -> str:
    """The choices or the inclusive range of a parameter; empty where every value of its type is allowed."""
    choices, low, high = (item.metadata[name] for name in ("choices", "low", "high"))
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {low:.9g}"
    return f"at most {high:.9g}" if low is None else f"{low:.9g} to {high:.9g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the package needs is named to who installs it in a ROS workspace: by rosdep's keys or in the README's line."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def names(text: str) -> set[str]:
    """Names of Python packages in a text, in one spelling."""
    return {name.lower().replace("_", "-") for name in re.findall(r"[A-Za-z][A-Za-z0-9_-]*", text)}


def test_every_requirement_is_in_the_readme_or_has_a_key_of_rosdep() -> None:
    block = re.search(r"RUNTIME = \[(.*?)\]\n", (ROOT / "setup.py").read_text(), re.DOTALL)
    assert block is not None
    required = {re.split(r"[\[><=;]", line)[0] for line in re.findall(r'"([^"]+)"', block[1])}
    line = re.search(r"^ +pip install (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    keys = re.findall(r"<exec_depend>python3-([a-z0-9-]+?)(?:-pip)?</exec_depend>", (ROOT / "package.xml").read_text())
    named = {name.removesuffix("-cpu") for name in names(line[1]) | set(keys)}
    others = {"yaml": "pyyaml", "pil": "pillow"}  # rosdep's keys that are named otherwise than the packages
    named |= {others[name] for name in keys if name in others}
    assert {name.lower().removesuffix("-cpu") for name in required} <= named

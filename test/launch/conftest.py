"""Launch files as they are resolved and run, by play_launch where no ROS 2 is sourced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAY_LAUNCH = shutil.which("play_launch", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
Resolve = Callable[..., Any]


@pytest.fixture
def resolve(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Nodes by name, as a launch file with some arguments would start them."""
    if PLAY_LAUNCH is None:
        pytest.skip("launch files are not resolved or run: play_launch is not installed (make setup)")
    # play_launch runs launch files in the system's Python, which must find what this one has installed
    monkeypatch.setenv("PYTHONPATH", sysconfig.get_path("purelib"))

    def nodes(name: str, *arguments: str) -> Any:
        assert PLAY_LAUNCH is not None
        command = [PLAY_LAUNCH, "dump", "launch", str(repository / "launch" / name), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load((tmp_path / "system_model.yaml").read_text())["structure"]["nodes"]

    return nodes

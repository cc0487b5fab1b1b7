"""Launch files as they are resolved and run, by play_launch where no ROS 2 is sourced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAY_LAUNCH = shutil.which("play_launch", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


class PlayLaunch:
    """Runs play_launch in an empty folder.

    It executes launch files in the system's Python, which finds this repository, and what is installed in the Python
    of the tests, on the PYTHONPATH only.
    """

    def __init__(self, program: str, repository: Path, folder: Path) -> None:
        self.program, self.folder, self._launch_files = program, folder, repository / "launch"
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(repository), sysconfig.get_path("purelib")]),
        }

    def dump(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Resolve a launch file with some arguments."""
        command = [self.program, "dump", "launch", str(self._launch_files / name), *arguments]
        given = dict(environment or self.environment)
        return subprocess.run(command, cwd=self.folder, env=given, capture_output=True, text=True, check=False)

    def nodes(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
        """Nodes by name, as a launch file with some arguments would start them."""
        done = self.dump(name, *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load((self.folder / "system_model.yaml").read_text())["structure"]["nodes"]


@pytest.fixture
def play_launch(repository: Path, tmp_path: Path) -> PlayLaunch:
    if PLAY_LAUNCH is None:
        pytest.skip("launch files are not resolved or run: play_launch is not installed (make setup)")
    return PlayLaunch(PLAY_LAUNCH, repository, tmp_path)

"""Evaluations that state times of one thread: libraries read the number of threads when numpy is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

# The command is called with a missing directory; numpy notes the number of threads when it is first loaded.
PROBE = """
import os, sys

class Witness:
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            print("threads", os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS"))
            sys.exit()

sys.meta_path.insert(0, Witness())
from isometry.cli.main import app
app({arguments!r})
"""
ARGUMENTS = {
    "tracking": ["--kitti-tracking", "nowhere", "--from-scans"],
    "prediction": ["--kitti-tracking", "nowhere", "--sequences", "0"],
    "registration": ["--kitti", "nowhere"],
    "object-pose": ["--bop", "nowhere"],
    "relocalization": ["--world", "nowhere"],
    "lidar-odometry": ["--world", "nowhere"],
    "flow-memory": [],
    "moving-digits": [],
}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_numpy_is_loaded_with_one_thread(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    probe = PROBE.format(arguments=["evaluate", command, *ARGUMENTS[command]])
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout.split()[-3:] == ["threads", "1", "1"], result.stderr

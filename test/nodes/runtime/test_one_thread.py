"""A node limits linear algebra to one thread, on its own thread and on the worker's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: rclpy is not installed")

NODES = ("depth_egomotion", "lidar_odometry", "object_pose", "place_recognition", "relocalization", "tracking")
NODE = """
import json, os, signal
import numpy, small_gicp  # with OpenBLAS and OpenMP
from threadpoolctl import threadpool_info
from isometry.nodes.runtime.lifecycle_node import PerceptionNode, run
from isometry.nodes.runtime.node_parameters import NodeParameters

def tell(when):
    most = {}
    for pool in threadpool_info():
        most[pool["user_api"]] = max(pool["num_threads"], most.get(pool["user_api"], 0))
    print(json.dumps([when, most]), flush=True)

def work():
    tell("work")
    os.kill(os.getpid(), signal.SIGINT)

class Telling(PerceptionNode[NodeParameters]):
    def __init__(self):
        tell("built")
        super().__init__("telling", NodeParameters, [("", NodeParameters)])

    def activate(self):
        self.worker.submit(work)

tell("imported")
raise SystemExit(run(Telling))
"""


def test_linear_algebra_has_one_thread_before_a_node_is_built_and_where_it_works(repository: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", NODE], cwd=repository, env=environment, capture_output=True, text=True, timeout=60.0
    )
    assert done.returncode == 0, done.stderr
    threads = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert threads["imported"]["openmp"] == 2  # the libraries are there, and would use more
    assert threads["built"] == threads["work"] == {"openmp": 1, "blas": 1}


@pytest.mark.parametrize(
    "name", ["depth_egomotion", "lidar_odometry", "object_pose", "place_recognition", "relocalization", "tracking"]
)
def test_every_node_begins_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[type] = []

    def begin(build: type) -> int:
        begun.append(build)
        return 0

    module = import_module(f"isometry.nodes.{name}.node")
    monkeypatch.setattr(module, "run", begin)
    assert module.main() == 0
    assert [node.__module__ for node in begun] == [module.__name__]

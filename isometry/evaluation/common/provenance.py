"""The provenance of figures: commit, machine and versions, written into every result."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import onnxruntime

import isometry

LIBRARIES = ("numpy", "scipy", "faiss-cpu", "small-gicp", "gtsam")


def provenance(data: str, model_name: str, model_sha256: str) -> dict[str, Any]:
    """What a reader needs to repeat a measurement; `data` names the recording and the part of it."""
    return environment() | {"data": data, "model": {"name": model_name, "sha256": model_sha256}}


def environment() -> dict[str, Any]:
    """Of a measurement: the commit, the date, the machine and the versions of libraries (None: not installed)."""
    return {
        "isometry": isometry.__version__,
        "commit": _commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "graphics": _graphics(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "libraries": {"onnxruntime": onnxruntime.__version__, **{name: _version(name) for name in LIBRARIES}},
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a result under a temporary name, then rename it, so that no reader sees an incomplete file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)


def _commit() -> str:
    """The commit of the sources, with "+changes" where they differ from it; "unknown" outside of a checkout."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        found = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    revision = git("rev-parse", "HEAD")
    if not revision:
        return "unknown"
    return revision + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _graphics() -> str:
    """The NVIDIA cards of the machine; empty without one."""
    if shutil.which("nvidia-smi") is None:
        return ""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return "; ".join(subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")

"""A model is an ONNX file that says what it is, and a card beside it that says how it was made and measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isometry.inference.parameters import ProviderParameters
from isometry.inference.session import ModelMismatchError, open_session

WEIGHTS = Path(__file__).resolve().parent.parent / "models" / "weights"
EXPERIMENTS = WEIGHTS / "experiments"


class Model:
    """An ONNX session whose task, inputs and card were checked."""

    def __init__(self, path: Path, task: str, threads: int = 1, provider: ProviderParameters | None = None):
        """Open `path` for `task`. `threads` 0 lets onnxruntime choose; without `provider` the CPU runs it.

        Raises ModelMismatchError, naming the file and what is wrong, when the file is missing or unreadable, was made
        for another task or differs from its card; ProviderError when `provider` does not run it.
        """
        self.path = path
        self.session = open_session(path, threads, provider)
        self.provider: str = self.session.get_providers()[0]
        self.metadata: dict[str, str] = dict(self.session.get_modelmeta().custom_metadata_map)
        if self.metadata.get("task") != task:
            raise ModelMismatchError(f"{path}: made for {self.metadata.get('task', 'no named task')!r}, not {task!r}")
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.card = read_card(path)
        if self.card.get("sha256") != self.sha256:
            raise ModelMismatchError(f"{path}: sha256 {self.sha256[:12]} is not the one on its card {card_path(path)}")

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    def constants(self) -> dict[str, Any]:
        """Preprocessing constants, from the file itself."""
        try:
            constants = json.loads(self.metadata["preprocessing"])
        except (KeyError, ValueError) as error:
            raise ModelMismatchError(f"{self.path}: has no preprocessing constants in JSON") from error
        if not isinstance(constants, dict):
            raise ModelMismatchError(f"{self.path}: its preprocessing constants are not a table")
        return constants

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """Outputs in the file's order."""
        return list(self.session.run(None, dict(inputs)))


def shipped_models() -> dict[str, Path]:
    """The model files that come with the package, by name; those of experiments, which no node loads, are the last."""
    folders = (WEIGHTS, EXPERIMENTS)
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.onnx"))}


def card_path(path: Path) -> Path:
    """Where the card of a model file lies."""
    return path.with_suffix(".json")


def read_card(path: Path) -> dict[str, Any]:
    """The card of a model file. Raises ModelMismatchError when one of them is missing or the card is no JSON."""
    if not path.is_file():
        raise ModelMismatchError(f"{path}: no such model file")
    try:
        card = json.loads(card_path(path).read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ModelMismatchError(f"{path}: its card {card_path(path)} cannot be read ({error})") from error
    if not isinstance(card, dict):
        raise ModelMismatchError(f"{path}: its card {card_path(path)} is not a table")
    return card

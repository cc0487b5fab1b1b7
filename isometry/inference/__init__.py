"""ONNX sessions, model cards, execution providers, and the symmetry of networks."""

from isometry.inference.model import (
    EXPERIMENTS,
    WEIGHTS,
    Model,
    ModelMismatchError,
    card_path,
    read_card,
    shipped_models,
)

__all__ = [
    "EXPERIMENTS",
    "WEIGHTS",
    "Model",
    "ModelMismatchError",
    "card_path",
    "read_card",
    "shipped_models",
]

"""ONNX sessions, model cards, execution providers, and the symmetry of networks."""

from isometry.inference.model import (
    EXPERIMENTS,
    WEIGHTS,
    Model,
    card_path,
    read_card,
    shipped_models,
)
from isometry.inference.parameters import ProviderParameters
from isometry.inference.session import ModelMismatchError, ProviderError

__all__ = [
    "EXPERIMENTS",
    "WEIGHTS",
    "Model",
    "ModelMismatchError",
    "ProviderError",
    "ProviderParameters",
    "card_path",
    "read_card",
    "shipped_models",
]

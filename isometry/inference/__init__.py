"""ONNX sessions, model cards and execution providers."""

from isometry.inference.model import WEIGHTS, Model, ModelMismatchError, card_path, read_card

__all__ = ["WEIGHTS", "Model", "ModelMismatchError", "card_path", "read_card"]

import json
import shutil
from pathlib import Path

import pytest

from isometry.inference import WEIGHTS, Model, ModelMismatchError
from isometry.place_recognition.encoder import BirdsEyeEncoder

SHIPPED = WEIGHTS / "place_recognition.onnx"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for path in (SHIPPED, SHIPPED.with_suffix(".json")):
        shutil.copy(path, tmp_path)
    return tmp_path / SHIPPED.name


def test_the_shipped_file_keeps_its_card() -> None:
    encoder = BirdsEyeEncoder.load()
    card = encoder.model.card
    assert card["symmetry"]["difference_to_torch"] < 1e-4
    assert card["bytes"] == SHIPPED.stat().st_size < 10_000_000
    assert {"training_data", "licence", "metrics", "tried", "recipe"} <= set(card)
    assert encoder.provider == "CPUExecutionProvider"


def test_the_shipped_file_holds_plain_convolutions_only() -> None:
    onnx = pytest.importorskip("onnx")
    nodes = {node.op_type for node in onnx.load(SHIPPED).graph.node}
    assert "Conv" in nodes
    assert not nodes & {"Loop", "Scan", "GridSample", "NonZero", "If"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMismatchError, match=r"nothing\.onnx: no such model file"):
        BirdsEyeEncoder.load(tmp_path / "nothing.onnx")


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelMismatchError, match=r"rubbish\.onnx: onnxruntime cannot open it"):
        BirdsEyeEncoder.load(path)


def test_a_file_that_is_not_its_cards_is_refused(copied: Path) -> None:
    card = copied.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": "0" * 64}))
    with pytest.raises(ModelMismatchError, match="is not the one on its card"):
        BirdsEyeEncoder.load(copied)


def test_a_missing_card_is_named(copied: Path) -> None:
    copied.with_suffix(".json").unlink()
    with pytest.raises(ModelMismatchError, match=r"place_recognition\.json cannot be read"):
        BirdsEyeEncoder.load(copied)


def test_a_model_of_another_task_is_refused() -> None:
    with pytest.raises(ModelMismatchError, match="made for 'place_recognition', not 'tracking'"):
        Model(SHIPPED, "tracking")

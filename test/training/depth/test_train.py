"""A short training of the depth network, its export, and its commands."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from isometry.cli.main import app  # noqa: E402
from isometry.depth_egomotion.depth_contract import shifted  # noqa: E402
from isometry.depth_egomotion.depth_model import DepthModel  # noqa: E402
from isometry.inference.contract import session_function  # noqa: E402
from isometry.models.depth_network import DepthNetwork  # noqa: E402
from isometry.sensing.cameras import Camera  # noqa: E402
from isometry.training.depth.drives import Drive  # noqa: E402
from isometry.training.depth.export import export_depth_network  # noqa: E402
from isometry.training.depth.recipe import DepthTrainingParameters  # noqa: E402
from isometry.training.depth.rooms import Room  # noqa: E402
from isometry.training.depth.train import load_trained, train  # noqa: E402

FEW = DepthTrainingParameters(steps=4, batch=2, average=0.5, checkpoint_every=2)
NOTES = {"summary": "a test", "training_data": "none", "licence": "none"}
MATRIX = np.array([[262.5, 0.0, 159.5], [0.0, 262.5, 119.5], [0.0, 0.0, 1.0]])
STRIDE = 16  # pixels of a cell of the coarsest map


def room(frames: int = 3) -> Room:
    images = np.random.default_rng(0).integers(0, 255, (frames, 240, 320, 3)).astype(np.uint8)
    depth = np.full((frames, 240, 320), 2.0, np.float32)
    return Room("wall", images, depth, MATRIX, np.full((frames, 4, 4), np.nan))


def drive() -> Drive:
    images = np.random.default_rng(1).integers(0, 255, (2, 180, 300, 3)).astype(np.uint8)
    T_source_target = np.eye(4)[None].copy()
    T_source_target[0, 2, 3] = -1.0
    flow = np.zeros((1, 180, 300, 2), np.float32)
    return Drive("street", images, MATRIX, np.array([[0, 1]]), flow, T_source_target)


def test_a_training_writes_a_log_and_a_network_and_repeats_itself(tmp_path: Path) -> None:
    train([room()], [drive()], [room(1)], FEW, tmp_path / "first")
    train([room()], [drive()], [room(1)], FEW, tmp_path / "second")
    rows = list(csv.DictReader((tmp_path / "first" / "log.csv").open()))
    assert [row["step"] for row in rows] == ["2", "4"]
    for name in ("depth", "normals", "photometric", "split", "abs_rel_scaled"):
        assert float(rows[1][name]) > 0.0
    first, recipe = load_trained(tmp_path / "first" / "depth.pt")
    second, _ = load_trained(tmp_path / "second" / "depth.pt")
    assert recipe["steps_done"] == 4
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    train([room()], [], [], FEW, tmp_path / "whole")
    half = replace(FEW, checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        train([room()], [], [], half, tmp_path / "half", progress=_stop_at_three)
    resumed = train([room()], [], [], half, tmp_path / "half", resume=tmp_path / "half" / "checkpoint.pt")
    whole, _ = load_trained(tmp_path / "whole" / "depth.pt")
    for one, other in zip(whole.state_dict().values(), resumed.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def _stop_at_three(done: int, _total: int) -> None:
    if done == 3:
        raise KeyboardInterrupt


def test_there_must_be_something_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        train([], [], [], FEW, tmp_path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an untrained network, whose own normals count."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("exported") / "depth.onnx"
    card = export_depth_network(DepthNetwork(), path, NOTES, own_normals=True, sigma=(1.0, 0.1))
    assert card["symmetry"]["shifted_by_pixels"] < 1e-4
    return path


def test_the_file_moves_with_its_image_for_every_shift_of_its_stride(exported: Path) -> None:
    assert {node.domain for node in onnx.load(exported).graph.node} <= {"", "ai.onnx"}  # standard operators
    file = session_function(DepthModel.load(exported).model.session)
    image = np.random.default_rng(0).normal(size=(1, 3, 64, 128)).astype(np.float32)
    expected = file({"image": image})
    for down in range(STRIDE):
        for right in range(STRIDE):
            found = file({"image": shifted(image, (down, right))})
            for name, array in expected.items():
                error = np.abs(found[name] - shifted(array, (down, right))).max()
                assert error < 1e-4 * np.abs(array).max(), (name, down, right)


def test_an_exported_network_gives_depth_in_metres_for_any_camera(exported: Path) -> None:
    model = DepthModel.load(exported)
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    camera = Camera(np.array([[525.0, 0.0, 319.5], [0.0, 525.0, 239.5], [0.0, 0.0, 1.0]]), 640, 480)
    estimate = model.predict(image, camera)
    assert estimate.depth.shape == (480, 640)
    assert estimate.normals_predicted
    np.testing.assert_allclose(np.linalg.norm(estimate.normals, axis=2), 1.0, rtol=1e-4)
    assert estimate.sigma is not None
    assert (estimate.sigma > 0.09 * estimate.depth).all()
    longer = Camera(np.diag([2.0, 2.0, 1.0]) @ camera.matrix, 640, 480)
    np.testing.assert_allclose(model.predict(image, longer).depth, 2.0 * estimate.depth, rtol=1e-5)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk of four frames before a wall 2 m away, in the layout of 7-Scenes."""
    folder = tmp_path_factory.mktemp("room") / "seq-01"
    folder.mkdir()
    random = np.random.default_rng(0)
    for k in range(4):
        stem = f"frame-{k:06d}"
        Image.fromarray(random.integers(0, 255, (120, 160, 3)).astype(np.uint8)).save(folder / f"{stem}.color.png")
        Image.fromarray(np.full((120, 160), 2000, np.uint16)).save(folder / f"{stem}.depth.png")
    (folder.parent / "camera-intrinsics.txt").write_text("130 0 79.5\n0 130 59.5\n0 0 1\n")
    return folder.parent


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_from_training_to_figures_by_commands(scene: Path, tmp_path: Path) -> None:
    parts = ["--rgbd", f"{scene}@0:2", "--held", f"{scene}@2:4"]
    run("train", "depth", *parts, "--output", str(tmp_path), "--steps", "1", "--prepared", str(tmp_path / "rooms.npz"))
    (tmp_path / "notes.json").write_text(json.dumps(NOTES))
    file = tmp_path / "mine.onnx"
    options = ["--output", str(file), "--notes", str(tmp_path / "notes.json"), "--sigma-floor", "0.3"]
    run("export", "depth", str(tmp_path / "depth.pt"), *options)
    assert "shifted_by_pixels_now" in run("models", "show", str(file))
    figures = tmp_path / "figures.json"
    command = ["evaluate", "depth", "--seven-scenes", str(scene), "--frames", "2:4", "--model", str(file)]
    run(*command, "--json", str(figures), "--report", str(tmp_path / "page.html"))
    found = json.loads(figures.read_text())
    assert found["n"] == 2
    assert found["abs_rel"]["unscaled"]["mean_image"] == pytest.approx(0.0)
    assert found["reference"] == "other frames"
    assert set(found["crop_shift"]) == {"median", "p99", "largest"}
    assert found["model"]["name"] == "mine"
    assert "Depth from one image" in (tmp_path / "page.html").read_text()


def test_another_networks_file_is_adopted_with_its_format(tmp_path: Path) -> None:
    node = onnx.helper.make_node("ReduceMax", ["pixel_values", "axes"], ["predicted_depth"], keepdims=0)
    sides: list[str | int | None] = [1, 3, "height", "width"]
    taken = onnx.helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, sides)
    given = onnx.helper.make_tensor_value_info("predicted_depth", onnx.TensorProto.FLOAT, [1, "height", "width"])
    axes = onnx.helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])
    graph = onnx.helper.make_graph([node], "theirs", [taken], [given], [axes])
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "theirs.onnx")
    form = {"output": "inverse", "inverse_scale": 1.0, "short_side": 518, "multiple": 14, "resize": "stretch"}
    (tmp_path / "form.json").write_text(json.dumps(form))
    (tmp_path / "notes.json").write_text(json.dumps(NOTES))
    options = ["--format", str(tmp_path / "form.json"), "--notes", str(tmp_path / "notes.json")]
    said = run("export", "depth-file", str(tmp_path / "theirs.onnx"), "--output", str(tmp_path / "a.onnx"), *options)
    assert "median depth of a grey image of 640x480 pixels: 1.99 m" in said
    assert "none" in run("models", "show", str(tmp_path / "a.onnx"))
    (tmp_path / "form.json").write_text(json.dumps({"output": "inverse"}))
    options += ["--output", str(tmp_path / "b.onnx")]
    result = CliRunner().invoke(app, ["export", "depth-file", str(tmp_path / "theirs.onnx"), *options])
    assert result.exit_code == 1
    assert "the depth is inverse, and inverse_scale does not say what of" in result.output
    assert not (tmp_path / "b.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "depth", "--rgbd", "{scene}@9:12"], "has 4 frames"),
        (["train", "depth", "--rgbd", "nowhere"], "nowhere: no such directory"),
        (["train", "depth"], "nothing to train on"),
        (["evaluate", "depth"], "name the recording"),
        (["evaluate", "depth", "--seven-scenes", "{scene}", "--scans", "x"], "--scans are the true depth of"),
        (["evaluate", "depth", "--seven-scenes", "{scene}", "--model", "none.onnx"], "none.onnx: no such model file"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments: list[str], said: str, scene: Path, tmp_path: Path) -> None:
    output = ["--output", str(tmp_path)] if arguments[0] == "train" else []
    result = CliRunner().invoke(app, [each.format(scene=scene) for each in arguments] + output)
    assert result.exit_code == 1
    assert said in result.output

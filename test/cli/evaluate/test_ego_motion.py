"""`isometry evaluate ego-motion`, as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from isometry.arrays import Array
from isometry.cli.main import app
from isometry.depth_egomotion.parameters import EgoMotionParameters
from isometry.depth_egomotion.types import CameraFrame, EgoMotionStep
from isometry.geometry import se3


class Still:
    """A method for which the camera never moves."""

    name = "still"

    def __init__(self) -> None:
        self.frames: list[CameraFrame] = []
        self.parameters = EgoMotionParameters()
        self.depth_model: object = None

    def process(self, frame: CameraFrame, stamp_ns: int) -> EgoMotionStep:
        self.frames.append(frame)
        T = np.eye(4)
        return EgoMotionStep(T, np.eye(6), T, np.eye(6), T, "ok", "", False, "", 0.0, 0.001)

    def optimised(self) -> list[Array]:
        return [np.eye(4) for _ in self.frames]

    def reset(self) -> None:
        self.frames = []


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Two walks of ten frames along x."""
    for name in ("seq-01", "seq-02"):
        folder = tmp_path / "room" / name
        folder.mkdir(parents=True)
        for k in range(10):
            Image.fromarray(np.full((12, 16, 3), k, np.uint8)).save(folder / f"frame-{k:06d}.color.png")
            Image.fromarray(np.full((12, 16), 1000, np.uint16)).save(folder / f"frame-{k:06d}.depth.png")
            np.savetxt(folder / f"frame-{k:06d}.pose.txt", se3.from_planar(0.1 * k, 0.0, 0.0))
    return tmp_path / "room"


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Still:
    """Take this method whichever is asked for."""
    method = Still()

    def build(name: str, parameters: EgoMotionParameters, depth_model: object = None) -> Still:
        method.parameters, method.depth_model = parameters, depth_model
        return method

    monkeypatch.setattr("isometry.depth_egomotion.methods.build", build)
    return method


def test_walks_are_measured_and_shown_beside_predictors(scene: Path, still: Still, tmp_path: Path) -> None:
    files = {"--json": tmp_path / "figures.json", "--report": tmp_path / "page.html"}
    arguments = ["evaluate", "ego-motion", "--seven-scenes", str(scene), "--drop", "3:5"]
    result = CliRunner().invoke(app, [*arguments, *(str(part) for pair in files.items() for part in pair)])
    assert result.exit_code == 0, result.output
    found = json.loads(files["--json"].read_text())
    assert found["n"] == 16
    assert found["data"] == "room/seq-01 room/seq-02 every 1 without 3:5 rgbd"
    assert found["step_trans_m"] == pytest.approx(0.1)
    assert found["max_step_error_m"] == pytest.approx(0.3)
    assert found["frames_to_recover"] == [None, None]
    assert found["trivial"]["standing"]["step_trans_m"] == found["step_trans_m"]
    assert found["trivial"]["constant_velocity"]["step_trans_m"] < 0.05
    assert files["--report"].stat().st_size > 100_000
    assert all(frame.depth is not None for frame in still.frames)


def test_mono_takes_the_depth_away(scene: Path, still: Still) -> None:
    result = CliRunner().invoke(app, ["evaluate", "ego-motion", "--seven-scenes", str(scene), "--mode", "mono"])
    assert result.exit_code == 0, result.output
    assert all(frame.depth is None for frame in still.frames)


def test_predicted_depth_is_said_to_be_a_source_of_scale(scene: Path, still: Still, tmp_path: Path) -> None:
    json_file = tmp_path / "figures.json"
    arguments = ["evaluate", "ego-motion", "--seven-scenes", str(scene), "--mode", "mono", "--json", str(json_file)]
    for given, name in ((["--constant-depth", "2"], "constant depth of 2 m"), (["--depth-model", "shipped"], "depth")):
        result = CliRunner().invoke(app, [*arguments, *given])
        assert result.exit_code == 0, result.output
        assert json.loads(json_file.read_text())["model"]["name"] == name
        assert still.depth_model is not None


@pytest.mark.parametrize(("arguments", "height"), [((), 1.65), (("--camera-height", "0"), 0.0)])
def test_the_height_of_kittis_camera_is_known(
    shared_data: Path, still: Still, arguments: tuple[str, ...], height: float
) -> None:
    drive = ["--kitti-images", str(shared_data / "rgbd/kitti_odometry_06"), "--every", "20"]
    result = CliRunner().invoke(app, ["evaluate", "ego-motion", *drive, *arguments])
    assert result.exit_code == 0, result.output
    assert still.parameters.camera_height == height


def test_trivial_runs_no_method(scene: Path, still: Still, tmp_path: Path) -> None:
    json_file = tmp_path / "figures.json"
    arguments = ["--seven-scenes", str(scene), "--every", "2", "--trivial", "--json", str(json_file)]
    result = CliRunner().invoke(app, ["evaluate", "ego-motion", *arguments])
    assert result.exit_code == 0, result.output
    found = json.loads(json_file.read_text())
    assert found["n"] == 10
    assert set(found["trivial"]) == {"standing", "straight_on", "constant_velocity"}
    assert not still.frames


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name the recording"),
        (("--tum", "nowhere", "--seven-scenes", "nowhere"), "name the recording"),
        (("--tum", "nowhere"), "nowhere: no such directory"),
        (("--kitti-images", "nowhere", "--sequence", "00"), "nowhere: no such directory"),
        (("--seven-scenes", "nowhere", "--sequence", "00"), "--sequence is of --kitti-images"),
        (("--seven-scenes", "nowhere", "--drop", "5"), "'5' is not of the form A:B"),
    ],
)
def test_data_that_is_not_there_gets_one_line(
    refusal: Callable[..., str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in refusal("evaluate", "ego-motion", *arguments)


def test_a_mode_or_method_that_does_not_fit_is_refused(refusal: Callable[..., str], scene: Path, still: Still) -> None:
    def refused(*arguments: str) -> str:
        return refusal("evaluate", "ego-motion", "--seven-scenes", scene, *arguments)

    assert "--mode stereo: it must be rgbd or mono" in refused("--mode", "stereo")
    assert "--method gicp: in mode mono it must be mono" in refused("--mode", "mono", "--method", "gicp")
    assert "no gap can be at 0:3 of 10 frames" in refused("--drop", "0:3")
    assert "are rivals: give one" in refused("--mode", "mono", "--depth-model", "shipped", "--constant-depth", "2")
    assert "--depth-model and --constant-depth are of --mode mono" in refused("--constant-depth", "2")
    assert "a constant depth of -2 m: it must be above 0" in refused("--mode", "mono", "--constant-depth", "-2")
    assert "none.onnx: no such" in refused("--mode", "mono", "--depth-model", "none.onnx")
    assert "--report shows what a method did" in refused("--trivial", "--report", "page.html")
    for path in scene.rglob("*.depth.png"):
        path.unlink()
    assert "--mode rgbd: room/seq-01 has no depth images" in refused("--mode", "rgbd")
    for path in scene.rglob("*.pose.txt"):
        path.unlink()
    assert "room/seq-01: it has no poses" in refused()

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from isometry.datasets.kitti.odometry import KittiOdometry  # noqa: E402
from isometry.inference import ModelMismatchError  # noqa: E402
from isometry.place_recognition.encoder import BirdsEyeEncoder  # noqa: E402
from isometry.training.place_recognition.drives import Drive, load_drive  # noqa: E402
from isometry.training.place_recognition.export import export_birds_eye_encoder  # noqa: E402
from isometry.training.place_recognition.losses import warped  # noqa: E402
from isometry.training.place_recognition.pairs import Batch  # noqa: E402
from isometry.training.place_recognition.recipe import PlaceRecognitionTrainingParameters  # noqa: E402
from isometry.training.place_recognition.train import train  # noqa: E402
from isometry.training.place_recognition.trained import load_trained, save_trained  # noqa: E402


@pytest.fixture(scope="module")
def drive(simulated_kitti: Path) -> Drive:
    return load_drive(KittiOdometry(simulated_kitti, "00"), slice(None), ground_height=-1.73)


def test_a_view_turned_by_a_quarter_is_the_turned_image(drive: Drive) -> None:
    upright, turned = (drive.render(3, turn, np.random.default_rng(0), None) for turn in (0.0, np.pi / 2.0))
    assert (turned != np.rot90(upright)).mean() < 1e-3  # points on a border may fall to either side


def test_warped_points_show_the_same_place_in_the_other_view(drive: Drive) -> None:
    """Where an occupied cell of one view is warped to, the other view is mostly occupied too."""
    random = np.random.default_rng(0)
    turns = np.array([0.7, -2.0])
    images = np.stack([drive.render(f, t, random, None) for f, t in zip((4, 4), turns, strict=True)])
    batch = Batch(np.array([4, 4]), turns, torch.from_numpy(images[:, None]).float())
    centres = drive.grid.centres()
    row, column = np.nonzero(images[0])
    moved, turn = warped(np.column_stack([centres[row], centres[column]]), batch, 0, drive)
    index = np.floor(moved / drive.grid.cell).astype(int) + drive.grid.size // 2
    near = np.stack([images[1][tuple((index + np.array([dx, dy])).T)] for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
    assert near.any(axis=0).mean() > 0.95
    assert turn == pytest.approx(turns[1] - turns[0])


@pytest.mark.slow
def test_train_resume_save_and_export(drive: Drive, tmp_path: Path) -> None:
    parameters = PlaceRecognitionTrainingParameters(steps=4, pairs=2, refresh_every=2, revisit_gap=2)
    network = train(drive, parameters, tmp_path)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0].startswith("step,minutes,place_loss")
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "2", "4"]

    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(drive, parameters, tmp_path / "again", progress=interrupt)
    resumed = train(drive, parameters, tmp_path / "again", resume=tmp_path / "again" / "checkpoint.pt")
    for whole, continued in zip(network.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(whole, continued)

    save_trained(network, drive, parameters, tmp_path / "trained.pt")
    loaded, grid, distance_map, recipe = load_trained(tmp_path / "trained.pt")
    assert recipe["steps"] == 4
    card = export_birds_eye_encoder(loaded, grid, distance_map, tmp_path / "m.onnx", {"licence": "none"})
    assert card["symmetry"]["turn_by_90_degrees"] < 1e-4
    assert BirdsEyeEncoder.load(tmp_path / "m.onnx").sha256 == card["sha256"]


def test_a_file_that_is_no_trained_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.pt"
    path.write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"rubbish\.pt: not a trained place recognition network"):
        load_trained(path)
    with pytest.raises(ModelMismatchError):
        BirdsEyeEncoder.load(path)

"""The loop of all trainings, with a line that is fitted to random points."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch.nn import Linear as Line  # noqa: E402

from isometry.training.common.recipe import Recipe  # noqa: E402
from isometry.training.common.trained import reading, write_whole  # noqa: E402
from isometry.training.common.trainer import Loss, Trainer  # noqa: E402

RECIPE = Recipe(steps=7, learning_rate=0.1, average=0.5, seed=3)
COLUMNS = ("step", "minutes", "loss", "draw", "slope", "sometimes")


def trainer(recipe: Recipe = RECIPE, resume: Path | None = None) -> Trainer[Line]:
    return Trainer(lambda: Line(1, 1), recipe, warm_up=0.1, resume=resume)


def step(network: Line, random: np.random.Generator) -> Loss:
    """Points on y = 2 x, the x of both random generators."""
    x = torch.from_numpy(random.normal(size=(8, 1))).float() + 0.1 * torch.randn(8, 1)
    loss = (network(x) - 2.0 * x).square().mean()
    return loss, {"loss": loss.item(), "draw": float(x[0])}


def slope(result: Line) -> dict[str, float]:
    assert not torch.is_grad_enabled()
    return {"slope": result.weight.item()}


def rows(folder: Path) -> list[dict[str, str]]:
    """The log without its minutes."""
    with (folder / "log.csv").open() as stream:
        return [{name: value for name, value in row.items() if name != "minutes"} for row in csv.DictReader(stream)]


def test_the_log_has_means_since_the_last_row_and_figures_of_the_averaged_network(tmp_path: Path) -> None:
    draws, saved = [], []

    def spied(network: Line, random: np.random.Generator) -> Loss:
        loss, parts = step(network, random)
        draws.append(parts["draw"])
        return loss, parts

    training = trainer()
    result = training.run(
        spied, slope, tmp_path, COLUMNS, every=3, save=lambda network: saved.append(network.weight.item())
    )
    log = rows(tmp_path)
    assert [row["step"] for row in log] == ["3", "6", "7"]
    assert [float(row["draw"]) for row in log] == pytest.approx(
        [np.mean(draws[:3]), np.mean(draws[3:6]), draws[6]], abs=1e-5
    )
    assert [float(row["slope"]) for row in log] == pytest.approx(saved, abs=1e-5)
    assert [row["sometimes"] for row in log] == [""] * 3
    assert result.weight.item() == saved[-1] != training.network.weight.item()
    assert not result.training


def test_the_network_learns_and_progress_counts_every_step(tmp_path: Path) -> None:
    shown = []
    result = trainer(Recipe(steps=200, learning_rate=0.1, average=0.9)).run(
        step, slope, tmp_path, COLUMNS, every=200, progress=lambda done, total: shown.append((done, total))
    )
    assert shown == [(k, 200) for k in range(1, 201)]
    assert result.weight.item() == pytest.approx(2.0, abs=0.05)


def test_a_resumed_training_gives_the_same_as_one_without_a_break(tmp_path: Path) -> None:
    whole = trainer().run(step, slope, tmp_path / "whole", COLUMNS, every=3)

    def breaking(network: Line, random: np.random.Generator) -> Loss:
        if broken.steps_done == 5:
            raise KeyboardInterrupt
        return step(network, random)

    broken = trainer()
    with pytest.raises(KeyboardInterrupt):
        broken.run(breaking, slope, tmp_path / "parts", COLUMNS, every=3)
    torch.manual_seed(99)
    resumed = trainer(resume=tmp_path / "parts" / "checkpoint.pt")
    assert resumed.steps_done == 3
    result = resumed.run(step, slope, tmp_path / "parts", COLUMNS, every=3)
    assert torch.equal(result.weight, whole.weight)
    assert torch.equal(result.bias, whole.bias)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_finished_training_takes_no_more_steps(tmp_path: Path) -> None:
    finished = trainer().run(step, slope, tmp_path, COLUMNS, every=7)
    again = trainer(resume=tmp_path / "checkpoint.pt").run(step, slope, tmp_path, COLUMNS, every=7)
    assert torch.equal(again.weight, finished.weight)
    assert len(rows(tmp_path)) == 1


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    write_whole({"step": 1}, path)

    def full_disk(_content: object, target: Path) -> None:
        target.write_bytes(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_whole({"step": 2}, path)
    monkeypatch.undo()
    with reading(path, "a checkpoint") as content:
        assert content == {"step": 1}


def test_what_is_no_checkpoint_of_this_training_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"x\.pt: not a checkpoint of this training"):
        trainer(resume=tmp_path / "x.pt")
    other = Trainer(lambda: Line(2, 2), RECIPE, warm_up=0.1)
    other.save(tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt: not a checkpoint of this training"):
        trainer(resume=tmp_path / "other.pt")

"""The training loop of all networks: optimiser steps, a log of figures, and checkpoints to resume from."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from isometry.training.common.recipe import Recipe
from isometry.training.common.trained import reading, write_whole

Network = TypeVar("Network", bound=nn.Module)
Loss = tuple[Tensor, Mapping[str, float]]  # the loss to minimise, and its parts by their column in the log
Step = Callable[[Network, np.random.Generator], Loss]
Progress = Callable[[int, int], None]  # called with the steps done and the steps in all


def no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


class Trainer(Generic[Network]):
    """The state of a training, as a checkpoint holds it, and the loop that advances it.

    A checkpoint has the state of the random numbers too: a resumed training gives the same as one without a break.

    The optimiser is AdamW (Loshchilov and Hutter, 2019) with one cycle of the learning rate (Smith and Topin, 2019) and
    gradients clipped to norm 1. The result has exponentially averaged weights.
    """

    def __init__(
        self, build: Callable[[], Network], recipe: Recipe, warm_up: float, resume: Path | None = None
    ) -> None:
        """`build` makes the network, after torch was seeded; `warm_up` is the share of steps in which the rate rises.

        `resume` is a checkpoint to go on from. Raises ValueError naming a file that is none of this training.
        """
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.random = np.random.default_rng(recipe.seed)
        self.steps_done = 0
        self.network = build()
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
        )
        self.optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=recipe.learning_rate, total_steps=recipe.steps + 1, pct_start=warm_up
        )
        self._parts = {name: getattr(self, name) for name in ("network", "averaged", "optimiser", "schedule")}
        if resume is not None:
            self.load(resume)
        self._began = time.perf_counter()

    @property
    def result(self) -> Network:
        """The network with averaged weights, in evaluation mode."""
        module = self.averaged.module.eval()
        assert isinstance(module, type(self.network))
        return module

    def run(
        self,
        step: Step[Network],
        validate: Callable[[Network], Mapping[str, float]],
        output: Path,
        columns: Sequence[str],
        every: int,
        save: Callable[[Network], None] = lambda _result: None,
        progress: Progress = no_progress,
    ) -> Network:
        """Do the remaining steps of the recipe and return the network with averaged weights, in evaluation mode.

        `step` draws training data and returns the loss. After each `every` steps, and after the last one, `log.csv`
        in the folder `output` gets a row of `columns`: the mean of the loss's parts since the row before, and the
        figures of `validate`. Then `checkpoint.pt` is written, and `save` called. Both functions get the result so far.
        """
        output.mkdir(parents=True, exist_ok=True)
        losses: list[Mapping[str, float]] = []
        while self.steps_done < self.recipe.steps:
            loss, parts = step(self.network, self.random)
            self.advance(loss)
            losses.append(parts)
            progress(self.steps_done, self.recipe.steps)
            if self.steps_done % every == 0 or self.steps_done == self.recipe.steps:
                with torch.no_grad():
                    figures = validate(self.result)
                self.record(output, columns, {**means(losses), **figures})
                save(self.result)
                losses = []
        return self.result

    def advance(self, loss: Tensor) -> None:
        """One optimiser step."""
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)
        self.steps_done += 1

    def record(self, output: Path, columns: Sequence[str], figures: Mapping[str, float]) -> None:
        """Append a row of figures to `log.csv` in the folder `output`, and write `checkpoint.pt`."""
        output.mkdir(parents=True, exist_ok=True)
        minutes = (time.perf_counter() - self._began) / 60.0
        append_row(output / "log.csv", columns, {"step": self.steps_done, "minutes": minutes, **figures})
        self.save(output / "checkpoint.pt")

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts.items()}
        random = {"random": self.random.bit_generator.state, "torch_random": torch.get_rng_state()}
        write_whole(state | random | {"step": self.steps_done}, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint. Raises ValueError naming a file that is none of this training."""
        with reading(path, "a checkpoint of this training") as state:
            for name, part in self._parts.items():
                part.load_state_dict(state[name])
            self.steps_done = state["step"]
            if "random" in state:  # checkpoints of earlier versions have none: their draws begin anew
                self.random.bit_generator.state = state["random"]
                torch.set_rng_state(state["torch_random"])


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each column of rows that have the same ones."""
    columns = list(rows[0])
    values = np.array([[row[name] for name in columns] for row in rows]).mean(axis=0)
    return dict(zip(columns, values.tolist(), strict=True))


def append_row(path: Path, columns: Sequence[str], row: Mapping[str, float]) -> None:
    """Append one row of figures to a CSV log, its header first."""
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        if fresh:
            writer.writeheader()
        writer.writerow({key: round(value, 5) for key, value in row.items()})

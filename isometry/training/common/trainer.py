"""What all trainings share: the state that a checkpoint holds, one step of the optimiser, and a row of the log."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class Recipe(Protocol):
    """What a recipe says of the optimiser."""

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        ...

    @property
    def learning_rate(self) -> float:
        """At its highest."""
        ...

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""
        ...

    @property
    def average(self) -> float:
        """Decay of the averaged weights."""
        ...


class Trainer(Generic[Network]):
    """The state of a training: what a checkpoint holds."""

    def __init__(self, network: Network, recipe: Recipe, warm_up: float) -> None:
        """`warm_up` is the share of the steps in which the learning rate rises."""
        self.step = 0
        self.network = network
        self.averaged = torch.optim.swa_utils.AveragedModel(
            network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
        )
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=recipe.learning_rate, total_steps=recipe.steps + 1, pct_start=warm_up
        )
        self.parts = {name: getattr(self, name) for name in ("network", "averaged", "optimiser", "schedule")}

    @property
    def result(self) -> Network:
        """The network with averaged weights."""
        module = self.averaged.module
        assert isinstance(module, type(self.network))
        return module

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        write_whole(state | {"step": self.step}, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint. Raises ValueError naming a file that is none."""
        try:
            state = torch.load(path, weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            self.step = state["step"]
        except (OSError, LookupError, RuntimeError, pickle.UnpicklingError) as error:
            raise ValueError(f"{path}: not a checkpoint of this training") from error

    def advance(self, loss: Tensor) -> None:
        """One optimiser step."""
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)
        self.step += 1


def write_whole(content: Mapping[str, Any], path: Path) -> None:
    """Write tensors and what describes them, the file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    torch.save(dict(content), temporary)
    temporary.replace(path)


@contextmanager
def reading(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    """What `write_whole` wrote. What does not fit, here or in the block, is a ValueError: the file is not `kind`."""
    try:
        yield torch.load(path, weights_only=True)
    except (OSError, LookupError, TypeError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: not {kind}, or one of another version") from error


def append_row(path: Path, columns: Sequence[str], row: dict[str, float]) -> None:
    """Append one row of figures to a CSV log, its header first."""
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        if fresh:
            writer.writeheader()
        writer.writerow({key: round(value, 5) for key, value in row.items()})

"""Training of a feature network of registration on pairs of clouds whose transform is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isometry.models.point_pair_transformer import PointPairTransformer
from isometry.models.point_pyramid import PointPyramid
from isometry.models.position_aware_network import PositionAwareNetwork
from isometry.registration.features.pyramid import Pyramid, build_pyramid
from isometry.training.common.trainer import Trainer, append_row, reading, write_whole
from isometry.training.registration.losses import Truth, coarse_loss, fine_loss, rotation_loss, truth_of
from isometry.training.registration.pairs import TrainingPair, load_pair, split, varied
from isometry.training.registration.recipe import RegistrationTrainingParameters

NETWORKS: dict[str, type[nn.Module]] = {"equivariant": PositionAwareNetwork, "invariant": PointPairTransformer}
VALIDATION = 4  # pairs of each kind that are not trained on
COLUMNS = ("step", "minutes", "fine", "coarse", "rotation", "inlier_ratio", "coarse_inlier_ratio", "rotation_deg")
WARM_UP = 0.05  # of the steps


def new_network(name: str) -> nn.Module:
    """An untrained network. Raises ValueError for a name that is none."""
    if name not in NETWORKS:
        raise ValueError(f"no registration network {name!r}, only {', '.join(NETWORKS)}")
    return NETWORKS[name]()


def train(
    folder: Path,
    network: str,
    parameters: RegistrationTrainingParameters,
    output: Path,
    resume: Path | None = None,
    start: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> nn.Module:
    """Train on the prepared pairs of a folder and return the network with averaged weights.

    `resume` is a checkpoint to go on from; `start` a trained network whose weights are the first ones.
    Writes `checkpoint.pt`, the trained network so far and `log.csv` into `output` every so many steps.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(parameters.seed)
    random = np.random.default_rng(parameters.seed)
    trainer = Trainer(new_network(network), parameters, WARM_UP)
    if start is not None:
        start_from(trainer, start)
    if resume is not None:
        trainer.load(resume)
    began = time.perf_counter()
    losses: list[list[float]] = []
    while trainer.step < parameters.steps:
        files, held = split(folder, VALIDATION)
        loss, parts = pair_loss(trainer.network, draw(files, random), parameters)
        trainer.advance(loss)
        losses.append(parts)
        progress(trainer.step, parameters.steps)
        if trainer.step % parameters.checkpoint_every == 0 or trainer.step == parameters.steps:
            minutes = (time.perf_counter() - began) / 60.0
            figures = dict(zip(("fine", "coarse", "rotation"), np.mean(losses, axis=0).tolist(), strict=True))
            figures |= validate(trainer.result, held)
            append_row(output / "log.csv", COLUMNS, {"step": trainer.step, "minutes": minutes} | figures)
            trainer.save(output / "checkpoint.pt")
            save_trained(trainer.result, network, parameters, trainer.step, output / f"registration_{network}.pt")
            losses = []
    return trainer.result.eval()


Example = tuple[Pyramid, Pyramid, Truth]


def start_from(trainer: Trainer[nn.Module], path: Path) -> None:
    """Begin with the weights of a trained network. Raises ValueError naming a file that is none of this kind."""
    trained, _, _ = load_trained(path)
    try:
        trainer.network.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        raise ValueError(f"{path}: another kind of network") from error
    trainer.result.load_state_dict(trained.state_dict())


def draw(files: Sequence[Path], random: np.random.Generator) -> Example:
    """A random pair, varied, with enough matches to learn from; each kind as often as any other."""
    kinds = sorted({path.name.rsplit("_", 1)[0] for path in files})
    while True:
        kind = kinds[int(random.integers(len(kinds)))]
        of_kind = [path for path in files if path.name.rsplit("_", 1)[0] == kind]
        example = example_of(varied(load_pair(of_kind[int(random.integers(len(of_kind)))]), random))
        if example is not None:
            return example


def example_of(pair: TrainingPair) -> Example | None:
    """The pyramids of a pair and what belongs together in them; None when that is too little."""
    target, source = build_pyramid(pair.target), build_pyramid(pair.source)
    truth = truth_of(target, source, pair.T_target_source)
    return None if truth is None else (target, source, truth)


def encoded(network: nn.Module, pyramid: Pyramid) -> tuple[Tensor, ...]:
    """The outputs of a network for a pyramid."""
    tensors = {name: torch.from_numpy(value) for name, value in pyramid.inputs().items()}
    outputs: tuple[Tensor, ...] = network(PointPyramid(**tensors))
    return outputs


def pair_loss(
    network: nn.Module, example: Example, parameters: RegistrationTrainingParameters
) -> tuple[Tensor, list[float]]:
    """The sum of the losses, and the fine, the coarse and the rotation loss (zero for a network without frames)."""
    target_pyramid, source_pyramid, truth = example
    target, source = encoded(network, target_pyramid), encoded(network, source_pyramid)
    fine = fine_loss(target[0], source[0], truth, parameters)
    coarse = coarse_loss(target[1], source[1], truth, parameters)
    rotation = rotation_loss(target[2], source[2], truth, parameters) if len(target) > 2 else torch.zeros(())
    total = fine + parameters.coarse_weight * coarse + parameters.rotation_weight * rotation
    return total, [fine.item(), coarse.item(), rotation.item()]


@torch.no_grad()
def validate(network: nn.Module, files: Sequence[Path]) -> dict[str, float]:
    """Means over whole pairs: share of right ones among mutual nearest fine and coarse descriptors; median error of the
    rotation that the frames of one true match give, in degrees."""
    rows = []
    for path in files:
        example = example_of(load_pair(path))
        if example is None:
            continue
        target, source = encoded(network, example[0]), encoded(network, example[1])
        truth = example[2]
        a, b = mutual_nearest(target[0], source[0])
        apart = (truth.target_fine[a] - truth.source_fine[b]).norm(dim=1)
        c, d = mutual_nearest(target[1], source[1])
        row = [float((apart < 3.0).float().mean()), float((truth.overlap[c, d] > 0.0).float().mean())]
        if len(target) > 2:
            row.append(rotation_error_deg(target[2], source[2], truth))
        rows.append(row)
    names = ("inlier_ratio", "coarse_inlier_ratio", "rotation_deg")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=False)) if rows else {}


def mutual_nearest(target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the descriptors (F,D) and (G,D) that are each other's nearest."""
    similarity = target @ source.T
    there, back = similarity.argmax(dim=1), similarity.argmax(dim=0)
    rows = torch.arange(len(target))
    kept = back[there] == rows
    return rows[kept], there[kept]


def rotation_error_deg(target: Tensor, source: Tensor, truth: Truth) -> float:
    """Median angle between the true rotation and those that aligning the frames of each true match gives."""
    products = torch.einsum("nvi,nvj->nij", target[truth.fine[:, 0]], source[truth.fine[:, 1]])
    u, _, vt = torch.linalg.svd(products.double())
    u = torch.cat([u[:, :, :2], u[:, :, 2:] * torch.linalg.det(u @ vt)[:, None, None]], dim=2)
    cosine = (torch.einsum("nij,ij->n", u @ vt, truth.rotation.double()) - 1.0) / 2.0
    return float(torch.rad2deg(torch.arccos(cosine.clamp(-1.0, 1.0))).median())


def save_trained(
    network: nn.Module, name: str, parameters: RegistrationTrainingParameters, step: int, path: Path
) -> None:
    """Write a trained network with its name and recipe for the export."""
    recipe = asdict(parameters) | {"steps_done": step}
    write_whole({"name": name, "network": network.state_dict(), "recipe": recipe}, path)


def load_trained(path: Path) -> tuple[nn.Module, str, dict[str, Any]]:
    """What `save_trained` wrote: network, its name, recipe. Raises ValueError naming a file that is not."""
    with reading(path, "a trained registration network") as content:
        network = new_network(content["name"])
        network.load_state_dict(content["network"])
        return network.eval(), content["name"], content["recipe"]

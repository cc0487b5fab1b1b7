"""Features of agents in the plane: how each layer turns and mirrors with its input, and whom an agent heeds."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch import Tensor  # noqa: E402

from isometry.geometry.planar import rotations  # noqa: E402
from isometry.models.layers.so2.planar_vectors import AgentBlock, Interaction, product  # noqa: E402

MIRRORED_TURN = torch.tensor(rotations(np.array(0.7)) @ np.diag([1.0, -1.0]))
AGENTS, SCALARS, VECTORS = 6, 8, 5


def _features() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (AGENTS, SCALARS), (AGENTS, 2, VECTORS), (AGENTS, 2), (AGENTS, 2)
    scalars, vectors, positions, velocities = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
    )
    return scalars, vectors, 8.0 * positions, 4.0 * velocities, torch.ones(AGENTS, dtype=torch.float64)


def _turned(vectors: Tensor) -> Tensor:
    turned: Tensor = MIRRORED_TURN @ vectors
    return turned


def test_products_are_inner_products_that_large_vectors_do_not_dominate() -> None:
    first = torch.tensor([[3.0, 0.0], [0.0, 100.0]])
    second = torch.tensor([[4.0, 1.0], [5.0, 100.0]])
    expected = torch.tensor([12.0 / 13.0**0.5, 1e4 / 10001.0**0.5])
    torch.testing.assert_close(product(first, second), expected)


def test_a_block_keeps_scalars_and_turns_vectors() -> None:
    torch.manual_seed(0)
    block = AgentBlock(SCALARS, VECTORS).double()
    scalars, vectors, *_ = _features()
    kept, moved = block(scalars, _turned(vectors))
    expected_scalars, expected_vectors = block(scalars, vectors)
    torch.testing.assert_close(kept, expected_scalars)
    torch.testing.assert_close(moved, _turned(expected_vectors))


def test_interaction_keeps_scalars_turns_vectors_and_does_not_see_where_the_scene_lies() -> None:
    torch.manual_seed(0)
    interaction = Interaction(SCALARS, VECTORS, reach=30.0).double()
    scalars, vectors, positions, velocities, present = _features()
    kept, moved = interaction(
        scalars, _turned(vectors), positions @ MIRRORED_TURN.T + 40.0, velocities @ MIRRORED_TURN.T, present
    )
    expected_scalars, expected_vectors = interaction(scalars, vectors, positions, velocities, present)
    torch.testing.assert_close(kept, expected_scalars)
    torch.testing.assert_close(moved, _turned(expected_vectors))


def test_only_those_who_are_there_and_within_reach_are_heeded() -> None:
    torch.manual_seed(0)
    interaction = Interaction(SCALARS, VECTORS, reach=30.0).double()
    scalars, vectors, positions, velocities, present = _features()
    alone = interaction(*(each[:1] for each in (scalars, vectors, positions, velocities, present)))
    absent = present.clone()
    absent[1:] = 0.0
    far = positions.clone()
    far[1:] += 1e3
    near = interaction(scalars, vectors, positions, velocities, present)
    for others in ((positions, absent), (far, present)):
        heard = interaction(scalars, vectors, others[0], velocities, others[1])
        for found, expected, with_others in zip(heard, alone, near, strict=True):
            torch.testing.assert_close(found[:1], expected)
            assert (with_others[0] - expected[0]).abs().max() > 1e-3

"""Motion prediction by the network: what reordering and leaving out agents does to it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch import Tensor, dtype, nn  # noqa: E402

from isometry.models.equivariant_motion import HISTORY, KINDS, STEP_S, STEPS, EquivariantMotion  # noqa: E402


def _network(kind_of_number: dtype) -> EquivariantMotion:
    """A network whose last layers, which begin at zero, say something."""
    torch.manual_seed(0)
    network = EquivariantMotion()
    for layer in (network.gates, network.share):
        nn.init.normal_(layer.weight, std=0.1)
    return network.to(kind_of_number).eval()


def _scene(kind_of_number: dtype, agents: int = 7, seed: int = 0) -> list[Tensor]:
    random = np.random.default_rng(seed)
    velocity = random.normal(0.0, 5.0, (agents, 2))
    ago = STEP_S * np.arange(1 - HISTORY, 1)
    history = random.uniform(-15.0, 15.0, (agents, 1, 2)) + ago[:, None] * velocity[:, None]
    history += random.normal(0.0, 0.2, history.shape)
    seen = (np.arange(HISTORY) >= random.integers(0, HISTORY, (agents, 1))).astype(float)
    kinds = np.eye(len(KINDS) + 1)[random.integers(0, len(KINDS) + 1, agents), : len(KINDS)]
    return [torch.tensor(each, dtype=kind_of_number) for each in (history * seen[..., None], seen, velocity, kinds)]


def test_it_predicts_something_of_its_own() -> None:
    history, seen, velocity, kind = _scene(torch.float64)
    path, _ = _network(torch.float64)(history, seen, velocity, kind)
    straight = history[:, -1:] + STEP_S * torch.arange(1, STEPS + 1, dtype=torch.float64)[:, None] * velocity[:, None]
    assert (path - straight).abs().max() > 0.1


def test_the_order_of_agents_does_not_matter() -> None:
    network, scene = _network(torch.float64), _scene(torch.float64)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    path, covariance = network(*scene)
    shuffled, covariance_shuffled = network(*(each[order] for each in scene))
    torch.testing.assert_close(shuffled, path[order])
    torch.testing.assert_close(covariance_shuffled, covariance[order])


def test_agents_out_of_reach_and_agents_that_are_not_there_change_nothing() -> None:
    network, scene = _network(torch.float64), _scene(torch.float64, 5)
    history, seen, velocity, kind = (each.clone() for each in scene)
    history[-1] += 500.0
    alone = network(*(each[:-1] for each in scene))[0]
    torch.testing.assert_close(network(history, seen, velocity, kind)[0][:-1], alone)
    absent = [each.clone() for each in scene]
    for each in absent:
        each[-1] = 0.0
    torch.testing.assert_close(network(*absent)[0][:-1], alone)
    assert (network(*scene)[0][:-1] - alone).abs().max() > 1e-4  # a near one does


def test_an_untrained_network_is_the_constant_velocity() -> None:
    history, seen, velocity, kind = _scene(torch.float64)
    path, covariance = EquivariantMotion().double()(history, seen, velocity, kind)
    ahead = STEP_S * torch.arange(1, STEPS + 1, dtype=torch.float64)
    torch.testing.assert_close(path, history[:, -1:] + ahead[:, None] * velocity[:, None])
    assert (torch.linalg.eigvalsh(covariance) > 0.0).all()


def test_what_is_not_known_of_a_history_does_not_count() -> None:
    network, (history, seen, velocity, kind) = _network(torch.float64), _scene(torch.float64)
    filled = history + 7.0 * (1.0 - seen)[..., None]
    torch.testing.assert_close(network(filled, seen, velocity, kind)[0], network(history, seen, velocity, kind)[0])


def test_scenes_of_a_batch_do_not_touch_each_other() -> None:
    network = _network(torch.float64)
    first, second = _scene(torch.float64, 6, 1), _scene(torch.float64, 6, 2)
    both = network(*(torch.stack(pair) for pair in zip(first, second, strict=True)))[0]
    torch.testing.assert_close(both[0], network(*first)[0])
    torch.testing.assert_close(both[1], network(*second)[0])


def test_a_network_with_the_names_of_an_earlier_version_is_loaded() -> None:
    network = _network(torch.float64)
    new = {"message": "told", "receive": "hear", "deviation": "spread"}
    state = {
        ".".join(new.get(part, part) for part in key.split(".")): value for key, value in network.state_dict().items()
    }
    assert state.keys() != network.state_dict().keys()
    other = EquivariantMotion().double()
    other.load_state_dict(state)
    torch.testing.assert_close(other(*_scene(torch.float64))[0], network(*_scene(torch.float64))[0])
    averaged = torch.optim.swa_utils.AveragedModel(EquivariantMotion().double())
    averaged.load_state_dict({f"module.{key}": value for key, value in state.items()} | {"n_averaged": torch.tensor(0)})

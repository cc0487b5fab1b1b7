"""The difference between a file and the network that it was made of; test/training has the exports themselves."""

from __future__ import annotations

import numpy as np
import pytest

from isometry.inference.contract import Arrays, Contract, Port
from isometry.training.common.export import SEEDS, difference_to_torch

CONTRACT = Contract(
    task="",
    group="",
    frame="",
    inputs={"points": Port("")},
    outputs={"doubled": Port(""), "squared": Port("")},
    symmetries={},
    example=lambda seed: {"points": np.random.default_rng(seed).normal(size=(4, 3))},
)


def network(inputs: Arrays) -> Arrays:
    return {"doubled": 2.0 * inputs["points"], "squared": inputs["points"] ** 2}


def broken(inputs: Arrays, output: str, seed: int, error: float) -> Arrays:
    """The outputs of the network, with an error in one value of one output on the example of one seed."""
    outputs = {name: array.copy() for name, array in network(inputs).items()}
    if np.array_equal(inputs["points"], CONTRACT.example(seed)["points"]):
        outputs[output][1, 2] += error
    return outputs


@pytest.mark.parametrize("output", CONTRACT.outputs)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_largest_difference_of_any_output_on_any_example_counts(output: str, seed: int) -> None:
    assert difference_to_torch(network, network, CONTRACT) == 0.0
    found = difference_to_torch(lambda inputs: broken(inputs, output, seed, 0.3), network, CONTRACT)
    assert found == pytest.approx(0.3)


@pytest.mark.parametrize("output", CONTRACT.outputs)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_never_accepted(output: str, seed: int, value: float) -> None:
    def bad(inputs: Arrays) -> Arrays:
        return broken(inputs, output, seed, value)

    for file, torch_network in ((bad, network), (network, bad), (bad, bad)):
        difference = difference_to_torch(file, torch_network, CONTRACT)
        accepted = difference <= CONTRACT.tolerance  # as `export` compares them
        assert not accepted

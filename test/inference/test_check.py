"""The check of a file on a provider: what it measures, and when it finds fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isometry.inference import Model, ProviderParameters, shipped_models
from isometry.inference.check import FileCheck, check_file, faults, relative_difference
from isometry.tracking.memory.contract import contract_of
from isometry.tracking.memory.flow_memory import TASK

ON_CARD = 1e-6
MODEL = "flow_filter"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(shipped_models()[MODEL], TASK)


@pytest.fixture(scope="module")
def measured(model: Model) -> FileCheck:
    return check_file(model, contract_of(model), 1, ProviderParameters())


def test_on_the_cpu_a_file_is_what_it_is_on_the_cpu(model: Model, measured: FileCheck) -> None:
    assert measured.difference_to_cpu == 0.0
    assert measured.symmetry == measured.symmetry_on_cpu
    assert set(measured.symmetry) < set(model.card["symmetry"])
    assert measured.milliseconds > 0.0
    assert faults(measured, model, contract_of(model)) == []


def test_all_operators_run_on_the_one_provider(measured: FileCheck) -> None:
    assert set(measured.operators) == {"CPUExecutionProvider"}
    assert measured.operators["CPUExecutionProvider"] > 10


def told(model: Model, error: float) -> Model:
    """The model with this error of its first symmetry on its card."""
    changed = Model(model.path, TASK)
    changed.card = model.card | {"symmetry": model.card["symmetry"] | {"mirrored": error}}
    return changed


@pytest.mark.parametrize(
    ("error", "on_card", "exact", "fine"),
    [
        (9e-6, ON_CARD, True, True),  # rounding of another processor, below the least limit
        (3e-3, ON_CARD, True, False),  # TF32
        (9e-5, 1e-5, True, True),
        (1.1e-4, 1e-5, True, False),
        (0.174, 0.17, False, True),
        (0.190, 0.17, False, False),
        (float("nan"), ON_CARD, True, False),
        (float("inf"), ON_CARD, True, False),
    ],
)
def test_a_symmetry_worse_than_on_the_card_is_a_fault(
    model: Model, measured: FileCheck, error: float, on_card: float, exact: bool, fine: bool
) -> None:
    contract = contract_of(model)
    if not exact:
        loose = replace(contract.symmetries["mirrored"], tolerance=None)
        contract = replace(contract, symmetries={**contract.symmetries, "mirrored": loose})
    worse = replace(measured, symmetry={**measured.symmetry, "mirrored": error})
    found = faults(worse, told(model, on_card), contract)
    assert (found == []) is fine
    assert fine or found[0].startswith(f"mirrored is {error:.1e}, where the card says {on_card:.1e}")


@pytest.mark.parametrize(("difference", "fine"), [(4e-6, True), (1e-3, False), (float("nan"), False)])
def test_other_outputs_than_the_cpus_are_a_fault(
    model: Model, measured: FileCheck, difference: float, fine: bool
) -> None:
    found = faults(replace(measured, difference_to_cpu=difference), model, contract_of(model))
    assert (found == []) is fine
    assert fine or "its outputs differ from the CPU's" in found[0]


def test_a_provider_that_is_listed_and_runs_nothing_is_a_fault(model: Model, measured: FileCheck) -> None:
    found = faults(replace(measured, operators={"OtherProvider": 42}), model, contract_of(model))
    assert found == ["CPUExecutionProvider runs none of its operators"]


def test_differences_are_relative_to_each_output() -> None:
    expected = {"large": np.array([1000.0, 1.0]), "small": np.array([0.1, 0.0])}
    found = {"large": np.array([1000.0, 2.0]), "small": np.array([0.1, 0.01])}
    assert relative_difference(found, expected) == pytest.approx(0.1)
    assert relative_difference(expected, expected) == 0.0
    assert relative_difference({**found, "small": np.array([np.nan, 0.0])}, expected) == np.inf

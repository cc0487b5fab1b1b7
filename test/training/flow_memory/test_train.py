from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from isometry.geometry import se3  # noqa: E402
from isometry.models.flow_memory import FlowFilter, FlowMemory, flows_within  # noqa: E402
from isometry.simulation.traffic.scans import random_drive  # noqa: E402
from isometry.tracking.memory import flow_memory as runtime  # noqa: E402
from isometry.tracking.memory.contract import example_inputs  # noqa: E402
from isometry.tracking.memory.flow_cells import FlowGrid, network_inputs, occupied_cells, residuals  # noqa: E402
from isometry.training.flow_memory.drives import Clip, Drive, load_drive, prepare, stored  # noqa: E402
from isometry.training.flow_memory.export import export_flow_memory  # noqa: E402
from isometry.training.flow_memory.losses import Targets, clip_losses, total_loss, velocity_of  # noqa: E402
from isometry.training.flow_memory.recipe import FlowMemoryTrainingParameters  # noqa: E402
from isometry.training.flow_memory.train import load_trained, train  # noqa: E402

GRID = FlowGrid()


@pytest.fixture(scope="module")
def drive() -> Drive:
    return stored(random_drive(3, 2.0))


def test_network_and_runtime_have_the_same_flows() -> None:
    np.testing.assert_array_equal(flows_within(GRID.fastest).numpy(), GRID.flows())


def test_the_filter_is_bayes_rule_written_out(random: np.random.Generator) -> None:
    """Against the same filter on a dense grid, cell by cell and velocity by velocity."""
    network = FlowFilter(2.0)
    grid = FlowGrid(fastest=2.0, reach=8)
    flows = grid.flows().tolist()
    clouds = [random.uniform(-1.5, 1.5, (25, 2)) for _ in range(3)]
    steps = [occupied_cells(cloud, np.zeros(2), grid) for cloud in clouds]
    state = torch.zeros(1, len(steps[0]), len(flows))
    beliefs = [{tuple(cell): dict.fromkeys(map(tuple, flows), 0.0) for cell in steps[0].index.tolist()}]
    for before, now in pairwise(steps):
        inputs = {name: torch.from_numpy(value) for name, value in network_inputs(now, before, grid.flows()).items()}
        state, probability = network(state, **inputs)
        centroid = {tuple(cell): place for cell, place in zip(before.index.tolist(), before.centroids, strict=True)}
        belief = {}
        for cell, place in zip(map(tuple, now.index.tolist()), now.centroids, strict=True):
            likely = {}
            for flow in map(tuple, flows):
                source = (cell[0] - flow[0], cell[1] - flow[1])
                likely[flow] = 0.0
                if source in centroid:
                    known = beliefs[-1][source]
                    predicted = (1.0 - sum(known.values())) / len(flows) + 0.6 * known[flow]
                    for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                        predicted += 0.1 * known.get((flow[0] + step[0], flow[1] + step[1]), 0.0)
                    apart = float(np.sum((place - centroid[source]) ** 2))
                    likely[flow] = predicted * np.exp(-0.5 * apart / 0.35**2)
            total = sum(likely.values()) + 0.1 / len(flows)
            belief[cell] = {flow: value / total for flow, value in likely.items()}
        beliefs.append(belief)
        expected = [[belief[tuple(cell)][tuple(flow)] for flow in flows] for cell in now.index.tolist()]
        np.testing.assert_allclose(probability[:, :-1].numpy(), expected, atol=1e-6)
        np.testing.assert_allclose(probability.sum(dim=1).numpy(), 1.0, atol=1e-6)


def test_the_cells_of_an_object_lie_on_it(drive: Drive) -> None:
    cells, objects = drive.cells(10, drive.own[10], GRID)
    assert len(cells) == len(objects) > 50
    for each in np.unique(objects[objects >= 0]):
        places = (cells.index[objects == each] + 0.5 + cells.centroids[objects == each]) * GRID.cell
        box = drive.boxes[10, each]
        offset = np.abs((places - box[:2]) @ se3.from_planar(0.0, 0.0, box[6])[:2, :2])
        assert (offset < 0.5 * box[3:5] + 0.6).all()


def test_prepared_drives_come_back_the_same(tmp_path: Path) -> None:
    (path,) = prepare(tmp_path, [3])
    whole = load_drive(path)
    assert len(whole.counts) == 51
    np.testing.assert_array_equal(load_drive(prepare(tmp_path, [3])[0]).points, whole.points)
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"x\.npz: not a prepared drive"):
        load_drive(tmp_path / "x.npz")


def test_targets_have_the_true_motion_as_their_mean(random: np.random.Generator) -> None:
    motion = random.uniform(-4.0, 4.0, (50, 2))
    target = Targets(GRID)(motion).numpy()
    np.testing.assert_allclose(target.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(target[:, :-1] @ GRID.flows(), motion, atol=1e-5)
    assert Targets(GRID)(np.array([[30.0, 0.0]]))[0, -1] == 1.0


def test_losses_and_runtime_take_the_same_velocity_from_cells(random: np.random.Generator) -> None:
    memory = runtime.FlowMemory.load()
    points = random.uniform([-2.0, -0.9], [2.0, 0.9], (200, 2))
    for k in range(3):
        memory.update(points + k * np.array([1.3, 0.4]), np.eye(4), k * 200_000_000)
    step = memory.newest
    assert step is not None
    assert step.before is not None
    found, _ = memory.velocities(np.array([[2.6, 0.8, 0.0, 9.0, 9.0, 2.0, 0.0]]))
    rows = np.arange(len(step.cells))
    moved, information = residuals(step.cells, rows, step.before, step.source)
    expected = velocity_of(torch.from_numpy(step.probability), moved, information, memory.flows)
    np.testing.assert_allclose(found[0], expected.numpy() * GRID.cell / step.step_s, atol=2e-2)


def test_the_learned_memory_begins_nearly_as_the_filter(drive: Drive) -> None:
    inputs = {name: torch.from_numpy(value) for name, value in example_inputs(GRID, 3, 0).items()}
    with torch.no_grad():
        _, learned = FlowMemory()(**inputs)
        _, closed = FlowFilter()(**inputs | {"state": inputs["state"][:1]})
    assert float((learned - closed).abs().mean()) < 0.01
    clip = Clip(drive, range(0, 9, 2), drive.own[4])
    parts = clip_losses(FlowMemory(), clip, GRID, Targets(GRID))
    loss = total_loss(parts, FlowMemoryTrainingParameters())
    assert loss is not None
    assert bool(torch.isfinite(loss))


@pytest.mark.slow
def test_train_resume_and_export(tmp_path: Path) -> None:
    parameters = FlowMemoryTrainingParameters(steps=2, drives=2, held=1, checkpoint_every=1)
    trained = train(tmp_path / "scenes", parameters, tmp_path)
    resumed = train(tmp_path / "scenes", parameters, tmp_path, tmp_path / "checkpoint.pt")
    for before, after in zip(trained.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(before, after)
    assert (tmp_path / "log.csv").read_text().startswith("step,minutes,loss")
    loaded, recipe = load_trained(tmp_path / "flow_memory.pt")
    assert recipe["steps_done"] == 2
    card = export_flow_memory(loaded, GRID, tmp_path / "m.onnx", {"licence": "none"})
    assert max(card["symmetry"][name] for name in ("turn_by_90_degrees", "mirrored", "faster_by_a_cell")) < 1e-5
    assert runtime.FlowMemory.load(tmp_path / "m.onnx").model.sha256 == card["sha256"]
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"x\.pt: not a trained flow memory"):
        load_trained(tmp_path / "x.pt")

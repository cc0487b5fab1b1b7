"""Losses of depth and motion, on scenes whose depth and motion are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch import Tensor, nn  # noqa: E402

from isometry.training.depth.losses import edge_loss, measured_losses  # noqa: E402
from isometry.training.depth.motion_losses import Pairs, motion_losses, tangents  # noqa: E402
from isometry.training.depth.motions import DepthWithMotions  # noqa: E402
from isometry.training.depth.recipe import DepthTrainingParameters  # noqa: E402

PARAMETERS = DepthTrainingParameters(split_weight=1.0, photometric_weight=1.0)
MATRIX = torch.tensor([[[60.0, 0.0, 39.5], [0.0, 60.0, 31.5], [0.0, 0.0, 1.0]]])
SHAPE = (64, 80)


def measured() -> tuple[Tensor, Tensor]:
    depth = 2.0 + torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0))
    normals = torch.zeros(2, 3, 16, 16)
    normals[:, 2] = -1.0
    return depth, normals


def test_only_the_scale_of_the_error_costs_where_all_is_right() -> None:
    depth, normals = measured()
    losses = measured_losses((depth, torch.zeros_like(depth), normals), depth, normals, PARAMETERS)
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {"depth": 0.0, "edges": 0.0, "scale": 0.0, "normals": 0.0}, abs=1e-6
    )


def test_a_wrong_scale_costs_depth_and_no_edges() -> None:
    depth, normals = measured()
    losses = measured_losses((1.5 * depth, torch.zeros_like(depth), normals), depth, normals, PARAMETERS)
    assert float(losses["depth"]) == pytest.approx(np.log(1.5), rel=1e-4)
    assert float(losses["edges"]) == pytest.approx(0.0, abs=1e-5)


def test_what_was_not_measured_does_not_count() -> None:
    depth, normals = measured()
    hidden = depth.clone()
    hidden[:, :8] = 0.0
    wrong = torch.cat([9.0 * depth[:, :8], depth[:, 8:]], dim=1)
    normals[:, :, :8] = 0.0
    losses = measured_losses((wrong, torch.zeros_like(depth), normals), hidden, normals, PARAMETERS)
    assert float(losses["depth"]) == pytest.approx(0.0, abs=1e-6)
    assert float(losses["edges"]) == pytest.approx(0.0, abs=1e-6)


def test_the_best_scale_is_the_mean_error_and_it_does_not_change_the_depth() -> None:
    depth, normals = measured()
    found = (depth * torch.exp(torch.tensor(0.3))).requires_grad_()
    scales = torch.linspace(-3.0, 1.0, 81)
    losses = [
        float(measured_losses((found, torch.full_like(depth, s), normals), depth, normals, PARAMETERS)["scale"])
        for s in scales.tolist()
    ]
    assert float(scales[int(np.argmin(losses))]) == pytest.approx(np.log(0.3), abs=0.05)
    log_scale = torch.zeros_like(depth, requires_grad=True)
    measured_losses((found, log_scale, normals), depth, normals, PARAMETERS)["scale"].backward()
    assert found.grad is None
    assert log_scale.grad is not None


def test_an_edge_of_the_error_costs_on_every_scale() -> None:
    error = torch.zeros(1, 16, 16)
    error[:, :, 8:] = 1.0
    known = torch.ones(1, 16, 16, dtype=torch.bool)
    expected = np.mean([step / (16 - step) for step in (1, 2, 4, 8)]) / 2.0
    assert float(edge_loss(error, known)) == pytest.approx(expected)


class Scene:
    """A curved wall with a texture, seen by two cameras whose motion is known."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.T = np.eye(4)
        self.T[:3, :3] = Rotation.from_rotvec([0.01, -0.02, 0.03]).as_matrix()
        self.T[:3, 3] = [0.15, 0.05, -0.3]
        target = tangents(MATRIX, SHAPE)[0].double().numpy()
        self.depth = (4.0 + 1.5 * np.sin(3.0 * target[:, 0]) * np.cos(2.0 * target[:, 1])).reshape(SHAPE)
        points = np.column_stack([target, np.ones(len(target))]) * self.depth.reshape(-1, 1)
        moved = points @ self.T[:3, :3].T + self.T[:3, 3]
        source = moved[:, :2] / moved[:, 2:]
        flow = torch.from_numpy(60.0 * (source - target)).float().reshape(1, *SHAPE, 2)
        image = torch.from_numpy(random.normal(size=(1, 3, 8, 10))).float()
        source_image = nn.functional.interpolate(image, size=SHAPE, mode="bicubic", align_corners=False)
        pixels = torch.from_numpy(60.0 * source + [39.5, 31.5]).float()
        grid = ((2.0 * pixels + 1.0) / torch.tensor([80.0, 64.0]) - 1.0).reshape(1, *SHAPE, 2)
        target_image = nn.functional.grid_sample(source_image, grid, padding_mode="border", align_corners=False)
        self.pairs = Pairs(target_image, source_image, flow, MATRIX, MATRIX)

    def losses(
        self, scale: float = 1.0, turn: float = 0.0, moved: tuple[float, float, float] = (0, 0, 0)
    ) -> dict[str, float]:
        T = self.T.copy()
        T[:3, :3] = Rotation.from_rotvec([turn, turn, 0.0]).as_matrix() @ T[:3, :3]
        T[:3, 3] += moved
        depth = torch.from_numpy(scale * self.depth)[None].float()
        found = motion_losses(self.pairs, depth, torch.from_numpy(T)[None].float(), PARAMETERS)
        return {name: float(loss) for name, loss in found.items()}


def test_true_depth_and_motion_cost_nothing_and_any_wrong_component_does() -> None:
    scene = Scene()
    right = scene.losses()
    assert right["split"] < 2e-3
    wrongs = {
        "depth": scene.losses(scale=1.3),
        "rotation": scene.losses(turn=0.02),
        "tangential": scene.losses(moved=(0.1, 0.0, 0.0)),
        "radial": scene.losses(moved=(0.0, 0.0, 0.1)),
    }
    for name, wrong in wrongs.items():
        assert wrong["split"] > 20.0 * right["split"], name
        assert wrong["photometric"] > right["photometric"], name


def test_the_split_pulls_each_component_of_the_motion_to_its_place() -> None:
    """With the depth known, all six numbers of the motion are found from a wrong start."""
    scene = Scene()
    start = scene.T.copy()
    start[:3, :3] = Rotation.from_rotvec([0.01, -0.01, 0.01]).as_matrix() @ start[:3, :3]
    start[:3, 3] += [-0.05, 0.05, 0.08]
    motions = DepthWithMotions(start[None], rate=1.0)
    optimiser = torch.optim.Adam([motions.corrections], lr=3e-3)
    depth = torch.from_numpy(scene.depth)[None].float()
    for _ in range(300):
        optimiser.zero_grad()
        motion_losses(scene.pairs, depth, motions.motions(torch.tensor([0])), PARAMETERS)["split"].backward()
        optimiser.step()
    found = motions.motions(torch.tensor([0]))[0].detach().double().numpy()
    assert np.abs(found[:3, 3] - scene.T[:3, 3]).max() < 0.01
    assert Rotation.from_matrix(found[:3, :3] @ scene.T[:3, :3].T).magnitude() < 2e-3


def test_the_split_pulls_the_depth_to_its_place() -> None:
    scene = Scene()
    logarithm = torch.full((1, *SHAPE), float(np.log(6.0)), requires_grad=True)
    optimiser = torch.optim.Adam([logarithm], lr=2e-2)
    motion = torch.from_numpy(scene.T)[None].float()
    for _ in range(150):
        optimiser.zero_grad()
        motion_losses(scene.pairs, logarithm.exp(), motion, PARAMETERS)["split"].backward()
        optimiser.step()
    error = np.abs(logarithm.detach().exp().numpy()[0] / scene.depth - 1.0)
    assert np.median(error) < 0.02


def test_without_the_split_it_costs_nothing() -> None:
    scene = Scene()
    found = motion_losses(
        scene.pairs,
        torch.from_numpy(1.3 * scene.depth)[None].float(),
        torch.from_numpy(scene.T)[None].float(),
        DepthTrainingParameters(split_weight=0.0),
    )
    assert float(found["split"]) == 0.0

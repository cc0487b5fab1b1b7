import numpy as np
import pytest
import torch

from isometry.inference.symmetry import Array, Arrays, assert_equivariant, turns_of_points
from isometry.models.point_pair_transformer import PointPairTransformer
from isometry.models.position_aware_network import PositionAwareNetwork
from isometry.registration.features.pyramid import example_pyramid

TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-9}
RANKS = {PositionAwareNetwork: [2, 2, 3], PointPairTransformer: [2, 2]}


def encode(network: torch.nn.Module, inputs: Arrays, dtype: torch.dtype) -> list[Array]:
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(value)).to(dtype if value.dtype.kind == "f" else torch.int64)
        for name, value in inputs.items()
    }
    with torch.no_grad():
        return [output.numpy() for output in network(**tensors)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", [PositionAwareNetwork, PointPairTransformer])
def test_descriptors_stay_and_frames_turn(kind: type[torch.nn.Module], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    network = kind().to(dtype).eval()
    exact = {torch.float32: np.float32, torch.float64: np.float64}[dtype]
    inputs: Arrays = {
        name: value.astype(exact) if value.dtype.kind == "f" else value
        for name, value in example_pyramid().inputs().items()
    }
    assert_equivariant(lambda x: encode(network, x, dtype), inputs, turns_of_points(RANKS[kind]), TOLERANCE[dtype])


@pytest.mark.parametrize("kind", [PositionAwareNetwork, PointPairTransformer])
def test_where_the_viewpoint_is_unknown_the_sign_of_normals_changes_nothing(kind: type[torch.nn.Module]) -> None:
    torch.manual_seed(0)
    network = kind().double().eval()
    inputs = dict(example_pyramid().inputs())
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(inputs["normals"]), 1)).astype(np.float32)
    flipped = inputs | {"normals": inputs["normals"] * signs}
    for sided, same in ((0.0, True), (1.0, False)):
        flag = {"sided": np.array([sided], np.float32)}
        before, after = (encode(network, x | flag, torch.float64) for x in (inputs, flipped))
        worst = max(float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True))
        assert (worst < 1e-9) == same


def test_a_network_does_not_depend_on_where_the_cloud_lies() -> None:
    torch.manual_seed(0)
    network = PositionAwareNetwork().double().eval()
    inputs = dict(example_pyramid().inputs())
    moved = inputs | {
        name: value + np.array([3.0, -2.0, 5.0])
        for name, value in inputs.items()
        if name in ("points", "fine", "middle", "coarse")
    }
    for a, b in zip(encode(network, inputs, torch.float64), encode(network, moved, torch.float64), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)

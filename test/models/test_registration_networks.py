import numpy as np
import pytest
import torch

from isometry.arrays import AnyArray
from isometry.inference.contract import Arrays, as_dtype
from isometry.models.point_pair_transformer import PointPairTransformer
from isometry.models.position_aware_network import PositionAwareNetwork
from isometry.registration.features.pyramid import example_pyramid
from isometry.training.common.export import as_tensors
from isometry.training.registration.export import as_pyramid


def encode(network: torch.nn.Module, inputs: Arrays) -> list[AnyArray]:
    """Outputs in double precision."""
    tensors = as_pyramid(as_tensors(as_dtype(inputs, np.float64)))
    with torch.no_grad():
        return [output.numpy() for output in network(**tensors)]


@pytest.mark.parametrize("kind", [PositionAwareNetwork, PointPairTransformer])
def test_where_the_viewpoint_is_unknown_the_sign_of_normals_changes_nothing(kind: type[torch.nn.Module]) -> None:
    torch.manual_seed(0)
    network = kind().double().eval()
    inputs = dict(example_pyramid().inputs())
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(inputs["normals"]), 1)).astype(np.float32)
    flipped = inputs | {"normals": inputs["normals"] * signs}
    for sided, same in ((0.0, True), (1.0, False)):
        flag = {"sided": np.array([sided], np.float32)}
        before, after = (encode(network, x | flag) for x in (inputs, flipped))
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
    for a, b in zip(encode(network, inputs), encode(network, moved), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)

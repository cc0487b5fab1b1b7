"""The depth network: what its outputs are for any input, and how fast it is."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from isometry.models.depth_network import DepthNetwork  # noqa: E402


@pytest.mark.parametrize("shape", [(64, 64), (192, 640), (128, 192)])
def test_outputs_are_as_large_as_the_image_and_what_they_say(shape: tuple[int, int]) -> None:
    network = DepthNetwork().eval()
    depth, log_scale, normals = network(torch.zeros(2, 3, *shape))
    assert depth.shape == log_scale.shape == (2, *shape)
    assert (depth > 0.0).all()
    assert normals.shape == (2, 3, *shape)
    assert torch.allclose(normals.norm(dim=1), torch.ones(2, *shape), atol=1e-4)


def test_the_network_is_small() -> None:
    assert sum(weight.numel() for weight in DepthNetwork().parameters()) < 1_000_000

import numpy as np
import torch

from isometry.arrays import AnyArray
from isometry.inference.contract import Arrays
from isometry.models.layers.so3.position_aware_convolution import (
    SurfaceEmbedding,
    pair_features,
    window,
)
from isometry.models.layers.so3.vector_features import PointBlock, cross


def cloud(count: int = 60, neighbours: int = 8) -> dict[str, AnyArray]:
    random = np.random.default_rng(0)
    points = random.uniform(-3.0, 3.0, (count, 3))
    normals = random.normal(size=(count, 3))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    return {
        "points": points,
        "normals": normals / np.linalg.norm(normals, axis=1, keepdims=True),
        "neighbours": np.argsort(apart, axis=1)[:, :neighbours],
    }


def tensors(inputs: Arrays, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {
        name: torch.from_numpy(np.ascontiguousarray(value)).to(dtype if value.dtype.kind == "f" else torch.int64)
        for name, value in inputs.items()
    }


def test_a_mirrored_cloud_is_another_cloud() -> None:
    """SO(3) and not O(3): what is left- and right-handed differs."""
    torch.manual_seed(0)
    embedding = SurfaceEmbedding(12, 6, radius=2.0).double()
    block = PointBlock(12, 6, 10, 5).double()
    inputs = cloud()
    mirror = np.array([1.0, 1.0, -1.0])
    found = []
    for sign in (np.ones(3), mirror):
        x = tensors(inputs | {"points": inputs["points"] * sign, "normals": inputs["normals"] * sign}, torch.float64)
        with torch.no_grad():
            features = embedding(x["points"], x["normals"], torch.ones(1).double(), x["points"], x["neighbours"])
            found.append(block(*features)[0])
    assert (found[0] - found[1]).abs().max() > 1e-3


def test_without_a_side_the_embedding_does_not_see_the_sign_of_normals() -> None:
    torch.manual_seed(0)
    layer = SurfaceEmbedding(12, 6, radius=2.0).double()
    inputs = cloud()
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (60, 1))
    found: dict[float, list[torch.Tensor]] = {0.0: [], 1.0: []}
    for normals in (inputs["normals"], inputs["normals"] * signs):
        x = tensors(inputs | {"normals": normals}, torch.float64)
        for sided, outputs in found.items():
            with torch.no_grad():
                flag = torch.full((1,), sided, dtype=torch.float64)
                outputs.append(
                    torch.cat(
                        [out.flatten() for out in layer(x["points"], x["normals"], flag, x["points"], x["neighbours"])]
                    )
                )
    torch.testing.assert_close(found[0.0][0], found[0.0][1], rtol=0.0, atol=1e-12)
    assert (found[1.0][0] - found[1.0][1]).abs().max() > 1e-3


def test_pair_features_are_heights_and_cosines() -> None:
    """Against a plain loop."""
    inputs = cloud(20, 4)
    points, normals, neighbours = inputs["points"], inputs["normals"], inputs["neighbours"]
    offsets = points[neighbours] - points[:, None]
    found = pair_features(
        torch.from_numpy(offsets.transpose(2, 0, 1).copy()),
        torch.from_numpy(normals),
        torch.from_numpy(normals[neighbours].transpose(2, 0, 1).copy()),
        torch.ones(1, dtype=torch.float64),
    )
    for i in range(20):
        for k, j in enumerate(neighbours[i]):
            d = points[j] - points[i]
            signed = [normals[i] @ d, normals[j] @ d, normals[i] @ normals[j]]
            expected = [np.linalg.norm(d), *np.abs(signed), *signed]
            np.testing.assert_allclose([float(value[i, k]) for value in found], expected, atol=1e-3)


def test_beyond_the_radius_a_neighbour_weighs_nothing() -> None:
    weights = window(torch.tensor([[0.0, 0.5, 1.0, 4.0]]))
    assert (weights[0, 2:] == 0.0).all()
    assert weights[0, 0] > weights[0, 1] > 0.0
    assert weights.sum() <= 1.0


def test_cross_products_are_torchs() -> None:
    a, b = torch.randn(2, 7, 3, 5, dtype=torch.float64)
    torch.testing.assert_close(cross(a, b), torch.linalg.cross(a, b, dim=1))

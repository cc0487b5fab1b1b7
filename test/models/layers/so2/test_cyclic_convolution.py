import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from isometry.inference.representations import fields
from isometry.models.layers.so2.cyclic_convolution import (
    ORIENTATIONS,
    CyclicBlock,
    CyclicConvolution,
    orientation_shift,
    plain,
)
from isometry.models.layers.so2.ring_pooling import RingPooling


def test_the_basis_turns_by_45_degrees_as_well_as_the_grid_allows() -> None:
    """A filter at the next orientation, applied to an image, is the filter applied to the image turned back."""
    from scipy.ndimage import rotate

    torch.manual_seed(0)
    lifting = CyclicConvolution(1, 1, 7, from_image=True)
    image = gaussian_filter(np.random.default_rng(0).normal(size=(65, 65)), 3.0)
    turned = rotate(image, 45.0, reshape=False, order=3)
    with torch.no_grad():
        response, response_turned = (
            lifting(torch.from_numpy(x[None, None].copy()).float())[0] for x in (image, turned)
        )
    at_centre, at_centre_turned = response[:, 32, 32].numpy(), response_turned[:, 32, 32].numpy()
    np.testing.assert_allclose(at_centre_turned, np.roll(at_centre, 1), atol=0.12 * np.abs(at_centre).max())


def test_plain_networks_give_the_same_answer() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        CyclicBlock(1, 2, 5, from_image=True), CyclicBlock(2, 2, 3), CyclicConvolution(2, 1, 1)
    )
    x = torch.randn(4, 1, 16, 16)
    network.train()(x)  # so that the normalisation has something to fold
    network.eval()
    with torch.no_grad():
        np.testing.assert_allclose(plain(network)(x), network(x), atol=1e-5)
    kinds = {type(module) for module in plain(network).modules()}
    assert kinds == {torch.nn.Sequential, torch.nn.Conv2d, torch.nn.ReLU}


def test_orientations_of_a_field_are_normalised_alike() -> None:
    torch.manual_seed(0)
    block = CyclicBlock(1, 2, 3).train()  # the statistics are those of the batch
    x = torch.randn(4, ORIENTATIONS, 10, 10).numpy()
    answer, answer_turned = (block(torch.from_numpy(y.copy())).detach().numpy() for y in (x, fields(x, 1)))
    np.testing.assert_allclose(answer_turned, fields(answer, 1), atol=1e-5 * np.abs(answer).max())


@pytest.mark.parametrize("eighths", [0, 1, 3, 8])
def test_a_whole_shift_moves_the_orientations(eighths: int) -> None:
    features = torch.randn(5, ORIENTATIONS, 3, dtype=torch.float64)
    shifted = orientation_shift(features, torch.full((5,), float(eighths), dtype=torch.float64))
    np.testing.assert_allclose(shifted, features.roll(eighths, 1), atol=1e-12)


def test_fractional_shifts_add_up() -> None:
    angle = torch.arange(ORIENTATIONS, dtype=torch.float64)[None, :, None] * 2 * torch.pi / ORIENTATIONS
    wave = torch.cos(angle - 0.3)
    shifted = orientation_shift(wave, torch.tensor([0.5], dtype=torch.float64))
    np.testing.assert_allclose(shifted, torch.cos(angle - 0.3 - torch.pi / 8), atol=1e-12)


def test_ring_pooling_ignores_direction_and_not_distance() -> None:
    pooling = RingPooling(16, 4)

    def pooled(row: int, column: int) -> Tensor:
        maps = torch.zeros(1, 1, 16, 16)
        maps[0, 0, row, column] = 1.0
        with torch.no_grad():
            pooled_maps: Tensor = pooling(maps)
        return pooled_maps

    np.testing.assert_allclose(pooled(2, 7), pooled(8, 2), rtol=1e-5)
    assert not np.allclose(pooled(2, 7), pooled(6, 7), rtol=0.1)

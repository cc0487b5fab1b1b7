"""Grids that move with the image, beside the ordinary ones that do not."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch import Tensor, nn  # noqa: E402

from isometry.models.layers.shift.anchoring import anchor_of, rolled, wrapped  # noqa: E402
from isometry.models.layers.shift.attention import AnchoredAttention, from_windows, to_windows  # noqa: E402
from isometry.models.layers.shift.patches import AnchoredPatches, to_pixels  # noqa: E402

STRIDE = 4


def image(batch: int = 2) -> Tensor:
    values = np.random.default_rng(0).normal(size=(batch, 3, 16, 24))
    pixels: Tensor = torch.from_numpy(values).float()
    return pixels


def shifts() -> list[tuple[int, int]]:
    return [(down, right) for down in range(STRIDE) for right in range(STRIDE)]


def test_anchored_patches_move_with_the_image_and_plain_ones_do_not() -> None:
    torch.manual_seed(0)
    patches = AnchoredPatches(3, 48, STRIDE).eval().requires_grad_(False)
    plain = nn.Conv2d(3, 48, STRIDE, STRIDE).requires_grad_(False)

    def anchored(features: Tensor) -> Tensor:
        embedded, anchor = patches(features)
        return to_pixels(embedded, anchor, STRIDE)

    pixels = anchored(image())
    cells = nn.functional.pixel_shuffle(plain(image()), STRIDE)
    off = []
    for shift in shifts():
        moved = torch.roll(image(), shift, (2, 3))
        found = anchored(moved)
        assert (found - torch.roll(pixels, shift, (2, 3))).abs().max() < 1e-5 * pixels.abs().max()
        plainly = nn.functional.pixel_shuffle(plain(moved), STRIDE)
        off.append(float((plainly - torch.roll(cells, shift, (2, 3))).abs().max() / cells.abs().max()))
    assert off[0] == 0.0
    assert min(off[1:]) > 0.1


def test_anchored_windows_move_with_the_map_and_fixed_ones_do_not() -> None:
    torch.manual_seed(0)
    attention = AnchoredAttention(3, 1, window=STRIDE).eval().requires_grad_(False)

    def fixed(features: Tensor) -> Tensor:
        features = features + attention.position(features)
        return from_windows(attention.attended(to_windows(features, STRIDE)), STRIDE, *features.shape[2:])

    for shift in shifts()[1:]:
        moved = torch.roll(image(), shift, (2, 3))
        error, control = (
            float((layer(moved) - torch.roll(layer(image()), shift, (2, 3))).abs().max())
            for layer in (attention, fixed)
        )
        assert error < 1e-5
        assert control > 1e-3


def test_the_anchor_is_the_component_of_the_largest_norm() -> None:
    bright = torch.zeros(2, 1, 8, 8)
    bright[0, 0, 2::4, 3::4] = 1.0
    bright[1, 0, 1, 4] = 1.0
    assert anchor_of(bright, 4).tolist() == [[2, 3], [1, 0]]


def test_where_norms_are_equal_the_first_component_counts_and_the_grid_stays() -> None:
    """A tie: what the module's description says of it."""
    flat = torch.ones(1, 2, 8, 8)
    assert anchor_of(flat, 4).tolist() == [[0, 0]]
    assert anchor_of(torch.roll(flat, 1, 2), 4).tolist() == [[0, 0]]


def test_each_map_is_rolled_by_its_own_shift() -> None:
    found = rolled(image(), torch.tensor([[1, -2], [-3, 0]]))
    assert torch.equal(found[0], torch.roll(image()[0], (1, -2), (1, 2)))
    assert torch.equal(found[1], torch.roll(image()[1], (-3, 0), (1, 2)))
    assert torch.equal(rolled(image(1), torch.tensor([[1, -2]])), torch.roll(image(1), (1, -2), (2, 3)))


def test_the_margin_continues_the_torus() -> None:
    expected = np.pad(image().numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="wrap")
    assert np.array_equal(wrapped(image(), 2).numpy(), expected)


def test_windows_are_cut_and_put_together_again() -> None:
    windows = to_windows(image(), STRIDE)
    assert windows.shape == (2 * 4 * 6, 16, 3)
    assert torch.equal(windows[1], image()[0, :, :4, 4:8].flatten(1).T)
    assert torch.equal(from_windows(windows, STRIDE, 16, 24), image())

"""Images of data sets, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isometry.datasets.errors import DatasetError
from isometry.datasets.image_file import read_colour, read_image

DEPTH = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 20
COLOUR = (np.arange(48 * 64 * 3) % 251).astype(np.uint8).reshape(48, 64, 3)


@pytest.mark.parametrize("pixels", [DEPTH, COLOUR, COLOUR[..., 0], np.dstack([COLOUR, COLOUR[..., :1]])])
def test_an_image_is_read_as_it_was_written(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "image.png")
    read = read_image(tmp_path / "image.png")
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)


def test_a_palette_and_a_grey_image_are_colours(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).quantize(16).save(tmp_path / "palette.png")
    assert read_colour(tmp_path / "palette.png").shape == (48, 64, 3)
    Image.fromarray(COLOUR[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_colour(tmp_path / "grey.png"), np.repeat(COLOUR[..., :1], 3, axis=2))


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95])
def test_an_image_that_is_cut_off_is_refused(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"image.{ending}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DatasetError, match=rf"image.{ending}: not an image that can be read"):
        read_image(path)


def test_a_depth_image_is_no_colour_image(tmp_path: Path) -> None:
    Image.fromarray(DEPTH).save(tmp_path / "depth.png")
    with pytest.raises(DatasetError, match="not a colour image of 8 bits"):
        read_colour(tmp_path / "depth.png")

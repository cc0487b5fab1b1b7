"""NumPy's files, and false claims in them."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from isometry.datasets.point_clouds.arrays import parse_npy, parse_npz

POINTS = np.random.default_rng(0).uniform(-9.0, 9.0, (20, 4))


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("array", [POINTS, POINTS.astype(">f4"), np.asfortranarray(POINTS), POINTS.astype(np.int16)])
def test_the_first_three_columns_are_the_points(array: np.ndarray) -> None:
    np.testing.assert_array_equal(parse_npy(npy(array)), array[:, :3])
    np.testing.assert_array_equal(parse_npz(npz(anything=array)), array[:, :3])
    np.testing.assert_array_equal(parse_npz(npz(points=array, labels=np.zeros(9))), array[:, :3])


@pytest.mark.parametrize("shape", [(4_000_000_000, 4), (20, 4_000_000_000), (21, 4)])
def test_a_claim_beyond_the_bytes_is_cut_off(shape: tuple[int, int]) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
    claim = head.getvalue() + POINTS.tobytes()
    with pytest.raises(ValueError, match="cut off"):
        parse_npy(claim)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("points.npy", claim)
    with pytest.raises(ValueError, match="cut off"):
        parse_npz(stream.getvalue())


@pytest.mark.parametrize(
    "array", [np.zeros((5, 2)), np.zeros(3), np.array(["a"]), np.array([None]), np.ones((9, 3), "?")]
)
def test_what_is_no_array_of_points_is_said(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"points must be numbers \(N,3\)"):
        parse_npy(npy(array))


def test_an_archive_must_have_one_array_of_points() -> None:
    with pytest.raises(ValueError, match=r"none of its arrays is named .* \(arrays: a, b\)"):
        parse_npz(npz(a=POINTS, b=POINTS))


@pytest.mark.parametrize("share", [0.2, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_refused(share: float) -> None:
    for content, parse in ((npy(POINTS), parse_npy), (npz(points=POINTS), parse_npz)):
        with pytest.raises(ValueError, match=r"\S"):
            parse(content[: int(share * len(content))])

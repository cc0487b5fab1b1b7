from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import open3d
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isometry.datasets.errors import DatasetError
from isometry.datasets.point_cloud_file import open_point_cloud, read_point_cloud
from isometry.datasets.point_clouds.meshes import SAMPLES

UTM = np.array([448_261.25, 5_411_932.5, 212.0])


@pytest.fixture
def points(random: np.random.Generator) -> np.ndarray:
    return random.uniform(-20.0, 20.0, (500, 3))


def write(path: Path, points: np.ndarray) -> Path:
    if path.suffix in (".las", ".laz"):
        header = laspy.LasHeader(point_format=3, version="1.2")
        header.offsets, header.scales = points.min(axis=0), np.full(3, 0.001)
        cloud = laspy.LasData(header)
        cloud.xyz = points
        cloud.write(path)
    elif path.suffix == ".npy":
        np.save(path, np.column_stack([points, np.ones(len(points))]))
    elif path.suffix == ".npz":
        np.savez(path, points=points)
    elif path.suffix == ".bin":
        np.column_stack([points, np.ones(len(points))]).astype("<f4").tofile(path)
    else:
        tensor = open3d.core.Tensor.from_numpy(points)
        open3d.t.io.write_point_cloud(path, open3d.t.geometry.PointCloud(tensor))
    return path


@pytest.mark.parametrize("ending", ["pcd", "ply", "las", "laz", "npy", "npz", "bin", "PLY"])
def test_points_come_back(tmp_path: Path, points: np.ndarray, ending: str) -> None:
    path = write(tmp_path / f"cloud.{ending.lower()}", points).rename(tmp_path / f"cloud.{ending}")
    read = read_point_cloud(path)
    assert read.dtype == np.float64
    np.testing.assert_allclose(read, points, atol=0.00051)


@pytest.mark.parametrize("ending", ["pcd", "ply", "las", "npy"])
def test_coordinates_far_from_their_origin_keep_their_millimetres(
    tmp_path: Path, points: np.ndarray, ending: str
) -> None:
    read = read_point_cloud(write(tmp_path / f"cloud.{ending}", points + UTM))
    np.testing.assert_allclose(read - UTM, points, atol=0.00051)


@pytest.mark.parametrize("ending", ["pcd", "ply", "npy"])
def test_points_that_were_not_measured_are_left_out(tmp_path: Path, points: np.ndarray, ending: str) -> None:
    holed = points.copy()
    holed[[3, 7], 1] = np.nan, np.inf
    read = read_point_cloud(write(tmp_path / f"cloud.{ending}", holed))
    np.testing.assert_allclose(read, np.delete(points, [3, 7], axis=0), atol=1e-5)


@pytest.mark.parametrize("ending", ["ply", "obj", "stl", "off"])
def test_a_mesh_gives_points_all_over_its_surface(tmp_path: Path, ending: str) -> None:
    mesh = open3d.geometry.TriangleMesh.create_box(4.0, 2.0, 1.0)
    mesh.compute_triangle_normals()
    open3d.io.write_triangle_mesh(tmp_path / f"model.{ending}", mesh)
    read = read_point_cloud(tmp_path / f"model.{ending}")
    assert len(read) == SAMPLES
    on_side = np.isclose(read, 0.0, atol=1e-6) | np.isclose(read, [4.0, 2.0, 1.0], atol=1e-6)
    assert on_side.any(axis=1).all()
    assert on_side[:, 2].mean() == pytest.approx(16.0 / 28.0, abs=0.01)  # of the whole surface of 28 square metres
    np.testing.assert_array_equal(read, read_point_cloud(tmp_path / f"model.{ending}"))


def test_a_ply_whose_list_of_faces_is_empty_is_a_set_of_points(tmp_path: Path) -> None:
    header = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    faces = "element face 0\nproperty list uchar int vertex_indices\nend_header\n"
    (tmp_path / "model.ply").write_text(f"{header}{faces}1 2 3\n4 5 6\n")
    np.testing.assert_array_equal(read_point_cloud(tmp_path / "model.ply"), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("ending", ["pcd", "ply", "las", "laz", "npy", "bin", "obj", "stl", "off"])
@pytest.mark.parametrize("content", [b"", b"this is no point cloud", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_file_without_points_is_named(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"cloud.{ending}").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"cloud\.{ending}: \S"):
        read_point_cloud(tmp_path / f"cloud.{ending}")


@pytest.mark.parametrize("ending", ["pcd", "ply", "las", "laz", "npy", "bin"])
def test_a_file_that_was_cut_off_is_named(tmp_path: Path, points: np.ndarray, ending: str) -> None:
    path = write(tmp_path / f"cloud.{ending}", points)
    path.write_bytes(path.read_bytes()[:3001])
    with pytest.raises(DatasetError, match=rf"cloud\.{ending}: \S"):
        read_point_cloud(path)


@pytest.mark.parametrize("ascii_", [False, True])
def test_a_mesh_that_was_cut_off_is_named(tmp_path: Path, ascii_: bool) -> None:
    path = tmp_path / "model.ply"
    open3d.io.write_triangle_mesh(path, open3d.geometry.TriangleMesh.create_sphere(1.0), write_ascii=ascii_)
    assert len(read_point_cloud(path)) == SAMPLES
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"model.ply: cut off"):
        read_point_cloud(path)


def test_the_layout_of_a_file_without_a_header_is_told(tmp_path: Path, points: np.ndarray) -> None:
    table = np.column_stack([points * [1.0, 1.0, 0.1], np.arange(500) % 2, np.arange(500) % 32])
    table.astype("<f4").tofile(tmp_path / "scan.bin")
    file = open_point_cloud(tmp_path / "scan.bin")
    assert file.layout == "5 columns of float32, as nuScenes"
    np.testing.assert_allclose(file.points, table[:, :3], atol=1e-5)
    np.testing.assert_array_equal(read_point_cloud(tmp_path / "scan.bin", columns=5), file.points)
    with pytest.raises(DatasetError, match=r"scan.bin: it has 5 columns of float32, as nuScenes, not 4"):
        read_point_cloud(tmp_path / "scan.bin", columns=4)
    assert open_point_cloud(write(tmp_path / "cloud.ply", points)).layout == ""


@pytest.mark.parametrize("ending", ["pcd", "ply", "npy"])
def test_whole_numbers_over_a_wide_extent_are_no_metres(tmp_path: Path, points: np.ndarray, ending: str) -> None:
    path = write(tmp_path / f"cloud.{ending}", np.round(1000.0 * points))
    with pytest.raises(DatasetError, match=r"cloud.*: all coordinates are whole numbers.* or the millimetre"):
        read_point_cloud(path)


def test_a_wrong_shape_and_a_wrong_ending_are_said(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((5, 2)))
    with pytest.raises(DatasetError, match=r"flat.npy: points must be numbers \(N,3\), these are \(5, 2\)"):
        read_point_cloud(tmp_path / "flat.npy")
    (tmp_path / "cloud.xyz").write_text("1 2 3")
    with pytest.raises(DatasetError, match=r"cloud.xyz: clouds are read from .pcd, .ply"):
        read_point_cloud(tmp_path / "cloud.xyz")
    with pytest.raises(DatasetError, match=r"absent.ply: no such file"):
        read_point_cloud(tmp_path / "absent.ply")


ENDINGS = ["pcd", "ply", "las", "laz", "npy", "npz", "bin", "obj", "stl", "off"]


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole file of each ending: 300 points, or a mesh."""
    folder, points = tmp_path_factory.mktemp("whole"), np.random.default_rng(0).uniform(-20.0, 20.0, (300, 3))
    paths = {ending: folder / f"cloud.{ending}" for ending in ENDINGS}
    for path in list(paths.values())[:7]:
        write(path, points)
    mesh = open3d.geometry.TriangleMesh.create_box(4.0, 2.0, 1.0)
    mesh.compute_triangle_normals()
    for path in list(paths.values())[7:]:
        open3d.io.write_triangle_mesh(path, mesh)
    return paths


@pytest.mark.parametrize("ending", ENDINGS)
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_a_damaged_file_gives_finite_points_or_one_line(
    whole_files: dict[str, Path], ending: str, data: st.DataObject
) -> None:
    content = bytearray(whole_files[ending].read_bytes())
    for at in data.draw(st.lists(st.integers(0, 400) | st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[min(at, len(content) - 1)] = data.draw(st.integers(0, 255))
    path = whole_files[ending].with_name(f"damaged.{ending}")
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    reason = ""
    try:
        points = read_point_cloud(path)
    except DatasetError as error:
        reason = str(error)
    if reason:
        assert reason.startswith(f"{path}: ")
        assert len(reason.splitlines()) == 1
    else:
        assert np.isfinite(points).all()
        assert len(points) > 0

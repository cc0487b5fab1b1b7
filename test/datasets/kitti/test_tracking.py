from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isometry.datasets.errors import DatasetError
from isometry.datasets.kitti.tracking import KittiTracking, detection_folders, labelled_sequences
from isometry.geometry import se3

# The camera looks along x of the LiDAR, 0.27 m ahead of it and 0.08 m below, and both are level.
P2 = "700 0 600 70  0 700 180 7  0 0 1 0.1"
LEVEL = "0 -1 0 0  0 0 -1 -0.08  1 0 0 -0.27"
CAR = "0 7 Car 1 2 -1.5 500 100 600 200 1.5 1.6 4.0 2.0 1.7 20.0 0.0"
AREA = "0 -1 DontCare -1 -1 -10 219 188 245 218 -1000 -1000 -1000 -10 -1 -1 -1"
FOUND = "0,2,500,100,600,200,8.5,1.5,1.6,4.0,2.0,1.7,20.0,0.0,-1.5"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of one sequence with two frames, a car that is labelled and detected, and an area of no care."""
    training = tmp_path / "kitti/training"
    write(training / "calib/0003.txt", f"P2: {P2}\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: {LEVEL}\n")
    write(training / "label_02/0003.txt", f"{AREA}\n{CAR}\n1{CAR[1:]}\n")
    write(training / "detections/some_Car_val/0003.txt", f"{FOUND}\n1{FOUND[1:]}\n")
    write(training / "detections/some_Cyclist_val/0003.txt", f"{FOUND.replace(',2,', ',3,', 1)}\n")
    return training.parent


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_label_becomes_a_box_about_its_centre_in_the_lidar_frame(root: Path) -> None:
    sequence = KittiTracking(root, "3")
    assert sequence.frame_count == 2
    car = sequence.labels.of_frame(1)
    assert car.labels == ("Car",)
    # 2 m to the right, its bottom 1.7 m below the camera, its length across: rotation_y 0 points to the right
    np.testing.assert_allclose(car.boxes, [[20.27, -2.0, -1.78 + 0.75, 4.0, 1.6, 1.5, -np.pi / 2.0]], atol=1e-12)
    assert (car.ids[0], car.truncation[0], car.occlusion[0]) == (7, 1, 2)
    np.testing.assert_array_equal(car.image_boxes, [[500.0, 100.0, 600.0, 200.0]])


def test_an_area_of_no_care_has_an_image_box_alone(root: Path) -> None:
    area = KittiTracking(root, "0003").labels.of_frame(0).chosen(np.array([True, False]))
    assert area.labels == ("DontCare",)
    assert np.isnan(area.boxes).all()
    np.testing.assert_array_equal(area.image_boxes, [[219.0, 188.0, 245.0, 218.0]])


def test_detections_are_boxes_of_the_same_kind_with_scores(root: Path) -> None:
    sequence = KittiTracking(root / "training", "3")
    found = sequence.detections("some_Car_val")
    assert found.labels == ("Car", "Car")
    np.testing.assert_array_equal(found.scores, [8.5, 8.5])
    np.testing.assert_allclose(found.boxes[1], sequence.labels.boxes[2])


def test_a_name_means_a_folder_or_one_for_each_class(root: Path) -> None:
    both = KittiTracking(root, "3").detections("some")
    np.testing.assert_array_equal(both.frames, [0, 0, 1])
    assert both.labels == ("Car", "Cyclist", "Car")
    assert [each.name for each in detection_folders(root, "some")] == ["some_Car_val", "some_Cyclist_val"]
    (root / "training/detections/some_Car_test").mkdir()
    with pytest.raises(DatasetError, match="some_Car_test, some_Car_val; name one"):
        detection_folders(root, "some")
    with pytest.raises(DatasetError, match=r"no detections 'other'.*some_Car_test"):
        detection_folders(root, "other")


def test_sequences_that_are_there_are_listed(root: Path) -> None:
    write(root / "training/label_02/0005.txt", CAR)
    assert labelled_sequences(root, "some") == ["0003"]
    with pytest.raises(DatasetError, match="no sequence with labels and scans"):
        labelled_sequences(root, None)
    write(root / "training/velodyne/0005/000000.bin", "0123456789abcdef")
    assert labelled_sequences(root, None) == ["0005"]


def test_both_spellings_of_a_calibration_are_read_and_tilts_go_there_and_back(root: Path) -> None:
    level = KittiTracking(root, "3").calibration
    write(root / "training/calib/0003.txt", f"P2: {P2}\nR_rect 1 0 0 0 1 0 0 0 1\nTr_velo_cam {LEVEL}\n")
    np.testing.assert_array_equal(KittiTracking(root, "3").calibration.T_camera_lidar, level.T_camera_lidar)

    tilted = "0.8 0.6 0 -0.6 0.8 0 0 0 1"
    write(root / "training/calib/0003.txt", f"P2: {P2}\nR_rect {tilted}\nTr_velo_cam {LEVEL}\n")
    sequence = KittiTracking(root, "3")
    boxes = sequence.labels.boxes[1:]
    np.testing.assert_allclose(sequence.calibration.lidar(sequence.calibration.ahead(boxes)), boxes, atol=1e-9)
    centre = se3.apply(sequence.calibration.T_camera_lidar, boxes[:, :3])
    np.testing.assert_allclose(centre[0], [2.0, 1.7 - 0.75, 20.0], atol=1e-9)


def test_boxes_are_projected_into_image_2_and_cut_at_its_rim(root: Path) -> None:
    sequence = KittiTracking(root, "3")
    boxes = np.array(
        [
            [20.27, 0.0, -0.08, 0.0, 0.0, 0.0, 0.0],  # a point straight ahead
            [10.27, 0.0, -0.08, 0.0, 4.0, 2.0, 0.0],  # a panel across
            [5.27, -10.0, -0.08, 2.0, 2.0, 2.0, 0.0],  # off to the right
            [-10.0, 0.0, 0.0, 4.0, 2.0, 1.5, 0.0],  # behind
        ]
    )
    depth, u, v = 20.1, 600.0 * 20.0 + 70.0, 180.0 * 20.0 + 7.0
    image_boxes = sequence.calibration.project(boxes)
    np.testing.assert_allclose(image_boxes[0], [u / depth, v / depth] * 2)
    left, top, right, bottom = image_boxes[1]
    assert right - left == pytest.approx(700.0 * 4.0 / 10.1)
    assert bottom - top == pytest.approx(700.0 * 2.0 / 10.1)
    assert (image_boxes[2, [0, 2]] == 1241.0).all()
    assert np.isnan(image_boxes[3]).all()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("calib/0003.txt", "P2: 1 2 3\nR_rect 1 0 0 0 1 0 0 0 1\n", "no Tr_velo_to_cam or Tr_velo_cam"),
        ("calib/0003.txt", f"P2: 1 2 3\nR_rect 1 0 0 0 1 0 0 0 1\nTr_velo_cam {LEVEL}", "P2 must be 12 numbers"),
        ("label_02/0003.txt", f"{CAR}\n{CAR[:-4]}\n", "line 2 has 16 columns"),
        ("label_02/0003.txt", f"{CAR[:-3]}nan\n", "line 1 has a value that is not a finite number"),
        ("detections/some_Car_val/0003.txt", f"{FOUND}\n{FOUND},1\n", "line 2 has 16 columns"),
        ("detections/some_Car_val/0003.txt", FOUND.replace("1.6", "wide"), "line 1 has a value that is not"),
        ("detections/some_Car_val/0003.txt", FOUND.replace("0,2,", "0,9,", 1), "line 1 is of class 9"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(root: Path, name: str, content: str, reason: str) -> None:
    write(root / "training" / name, content)
    with pytest.raises(DatasetError, match=f"{Path(name).name}: {reason}"):
        read_everything(root, "3")


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no calib folder"):
        read_everything(tmp_path / "nowhere", "3")
    with pytest.raises(DatasetError, match=r"calib/0004.txt"):
        read_everything(root, "4")
    with pytest.raises(DatasetError, match="no sequence of KITTI tracking"):
        read_everything(root, "three")
    with pytest.raises(DatasetError, match="velodyne/0003: no such directory"):
        KittiTracking(root, "3").scan(0)
    (root / "training/detections/some_Car_val/0003.txt").unlink()
    with pytest.raises(DatasetError, match=r"some_Car_val/0003.txt"):
        read_everything(root, "3")


def read_everything(root: Path, sequence: str) -> None:
    opened = KittiTracking(root, sequence)
    assert len(opened.labels) > 0
    assert len(opened.detections("some")) > 0


def test_an_empty_file_is_a_sequence_without_detections(root: Path) -> None:
    write(root / "training/detections/some_Car_val/0003.txt", "")
    assert len(KittiTracking(root, "3").detections("some_Car_val")) == 0


@pytest.mark.parametrize("sequence", ["0", "11", "17"])
def test_real_detections_project_onto_their_own_image_boxes(kitti_tracking: Path, sequence: str) -> None:
    opened = KittiTracking(kitti_tracking, sequence)
    found = opened.detections("pointrcnn")
    assert set(found.labels) == {"Car", "Pedestrian", "Cyclist"}
    # The detector's image boxes are projections too: they tell at once whether frames, centres and yaws are right.
    projected = opened.calibration.project(found.boxes, opened.image_size(found))
    assert np.nanmax(np.abs(projected - found.image_boxes)) < 1.1
    assert np.nanmedian(np.abs(projected - found.image_boxes)) < 0.01

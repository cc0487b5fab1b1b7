"""Depth models as users bring them: constructed files whose output is known."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from isometry.arrays import Array
from isometry.depth_egomotion.depth_contract import DepthModelFormat, checked, placement
from isometry.depth_egomotion.depth_model import DepthModel
from isometry.inference import ModelMismatchError, card_path
from isometry.sensing.cameras import Camera

CAMERA = Camera(np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]]), 320, 240)


def write_model(
    path: Path,
    form: dict[str, Any],
    outputs: dict[str, Any],
    size: tuple[Any, Any] = ("h", "w"),
    first: tuple[Any, Any] = (1, 3),
) -> Path:
    """A file whose outputs are the mean of the image's channels times a factor, plus an offset."""
    nodes = [helper.make_node("ReduceMean", ["image", "axis"], ["mean"], keepdims=1)]
    constants = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    for name, (factor, offset) in outputs.items():
        for part, value in (("factor", factor), ("offset", offset)):
            constants.append(helper.make_tensor(f"{name}_{part}", TensorProto.FLOAT, [], [value]))
        nodes.append(helper.make_node("Mul", ["mean", f"{name}_factor"], [f"{name}_scaled"]))
        nodes.append(helper.make_node("Add", [f"{name}_scaled", f"{name}_offset"], [name]))
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, [*first, *size])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, *size]) for name in outputs]
    graph = helper.make_graph(nodes, "depth", [taken], given, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"task": "depth", "preprocessing": json.dumps(form)})
    onnx.save(model, path)
    card_path(path).write_text(json.dumps({"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
    return path


def ramp() -> Any:
    """An image whose brightness grows from the left to the right."""
    return np.repeat(np.tile(np.linspace(20, 220, 320).astype(np.uint8), (240, 1))[..., None], 3, axis=2)


def brightness() -> Array:
    return np.asarray(ramp()[..., 0] / 255.0)


def test_metres_are_taken_as_they_are(tmp_path: Path) -> None:
    model = DepthModel.load(write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (2.0, 1.0)}))
    estimate = model.predict(ramp(), CAMERA)
    np.testing.assert_allclose(estimate.depth, 2.0 * brightness() + 1.0, rtol=1e-5)
    assert estimate.sigma is None
    assert not estimate.normals_predicted


def test_the_inverse_of_metres_is_turned_with_its_scale_and_shift(tmp_path: Path) -> None:
    form = {"output": "inverse", "inverse_scale": 0.5, "inverse_shift": 0.1}
    model = DepthModel.load(write_model(tmp_path / "m.onnx", form, {"disparity": (1.0, 0.2)}))
    expected = 1.0 / (0.5 * (brightness() + 0.2) + 0.1)
    np.testing.assert_allclose(model.predict(ramp(), CAMERA).depth, expected, rtol=1e-5)


def test_an_inverse_of_unknown_scale_is_refused_by_name(tmp_path: Path) -> None:
    path = write_model(tmp_path / "relative.onnx", {"output": "inverse"}, {"depth": (1.0, 1.0)})
    with pytest.raises(
        ModelMismatchError, match=r"relative\.onnx: the depth is inverse, and inverse_scale does not say"
    ):
        DepthModel.load(path)


@pytest.mark.parametrize("short_side", [240, 120])
def test_depth_that_is_normalised_by_the_focal_length_follows_the_camera(tmp_path: Path, short_side: int) -> None:
    """At half the size an image has half the focal length: the same pixel of it is of half the depth."""
    form = {"output": "focal_normalised", "focal": 600.0, "short_side": short_side}
    model = DepthModel.load(write_model(tmp_path / "m.onnx", form, {"depth": (0.0, 4.0)}))
    depth = model.predict(ramp(), CAMERA).depth
    np.testing.assert_allclose(depth, 4.0 * 300.0 * short_side / 240 / 600.0, rtol=1e-6)
    longer = Camera(np.diag([2.0, 2.0, 1.0]) @ CAMERA.matrix, 320, 240)
    np.testing.assert_allclose(model.predict(ramp(), longer).depth, 2.0 * depth, rtol=1e-6)


def test_mean_and_deviation_are_applied(tmp_path: Path) -> None:
    form = {"output": "metres", "mean": [0.1, 0.2, 0.3], "deviation": [0.5, 0.5, 0.5]}
    model = DepthModel.load(write_model(tmp_path / "m.onnx", form, {"depth": (1.0, 5.0)}))
    np.testing.assert_allclose(model.predict(ramp(), CAMERA).depth, (brightness() - 0.2) / 0.5 + 5.0, rtol=1e-4)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_a_fixed_size_gives_depth_at_the_pixels_of_the_image(tmp_path: Path, resize: str) -> None:
    form = {"output": "metres", "height": 240, "width": 480, "resize": resize, "margin": 8}
    path = write_model(tmp_path / "m.onnx", form, {"depth": (1.0, 1.0)}, (240, 480))
    depth = DepthModel.load(path).predict(ramp(), CAMERA).depth
    assert depth.shape == (240, 320)
    np.testing.assert_allclose(depth[:, 10:-10], brightness()[:, 10:-10] + 1.0, atol=0.01)


def test_the_standard_deviation_joins_the_networks_own_and_a_floor(tmp_path: Path) -> None:
    form = {"output": "metres", "sigma_factor": 2.0, "sigma_floor": 0.3}
    outputs = {"depth": (0.0, 5.0), "log_scale": (0.0, np.log(0.2))}
    model = DepthModel.load(write_model(tmp_path / "m.onnx", form, outputs))
    sigma = model.predict(ramp(), CAMERA).sigma
    assert sigma is not None
    np.testing.assert_allclose(sigma, 5.0 * np.hypot(0.4, 0.3), rtol=1e-5)


def test_points_and_derived_normals_fit_to_the_depth(tmp_path: Path) -> None:
    model = DepthModel.load(write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (0.0, 2.0)}))
    estimate = model.predict(ramp(), CAMERA)
    points = estimate.points(CAMERA)
    np.testing.assert_allclose(points[..., 2], 2.0)
    pixels = points @ CAMERA.matrix.T
    np.testing.assert_allclose(pixels[7, 11, :2] / pixels[7, 11, 2], [11.0, 7.0], atol=1e-4)
    np.testing.assert_allclose(estimate.normals[100, 100], [0.0, 0.0, -1.0], atol=1e-6)


def test_a_lens_is_straightened_first(tmp_path: Path) -> None:
    """A ring in the image is where an ideal lens sees it, once the image was taken with a strong distortion."""
    lens = Camera(CAMERA.matrix, 320, 240, "plumb_bob", (0.5, 0.0, 0.0, 0.0, 0.0))
    image = np.zeros((240, 320, 3), np.uint8)
    x = 100.0 / 300.0
    image[:, round(300.0 * x * (1.0 + 0.5 * x**2) + 159.5)] = 255
    model = DepthModel.load(write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (1.0, 1.0)}))
    depth = model.predict(image, lens).depth
    assert abs(int(depth[120].argmax()) - round(159.5 + 100.0)) <= 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"output": "miles"}, "parameter output"),
        ({"output": "focal_normalised"}, "does not say for which focal length"),
        ({"output": "metres", "colour": "bgr"}, "unknown parameter 'colour'"),
        ({"output": "metres", "height": 240}, "height and width"),
        ({"output": "metres", "deviation": [0.5, 0.0, 0.5]}, "deviations above 0"),
        ({"output": "metres", "mean": [0.5]}, "three numbers"),
    ],
)
def test_a_format_that_cannot_be_is_refused_with_the_name_of_the_file(
    tmp_path: Path, form: dict[str, Any], said: str
) -> None:
    path = write_model(tmp_path / "bad.onnx", form, {"depth": (1.0, 1.0)})
    with pytest.raises(ModelMismatchError, match=rf"bad\.onnx: .*{said}"):
        DepthModel.load(path)


def test_a_size_that_is_not_that_of_the_format_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (1.0, 1.0)}, (240, 480))
    with pytest.raises(ModelMismatchError, match="takes 240x480 pixels, and its format says any"):
        DepthModel.load(path)


@pytest.mark.parametrize("first", [(2, 3), (1, 1)])
def test_a_file_that_does_not_take_one_colour_image_is_refused(tmp_path: Path, first: tuple[int, int]) -> None:
    path = write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (1.0, 1.0)}, first=first)
    with pytest.raises(ModelMismatchError, match="it must take one image"):
        DepthModel.load(path)


def test_a_depth_that_is_none_is_told(tmp_path: Path) -> None:
    model = DepthModel.load(write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (1.0, -5.0)}))
    with pytest.raises(ValueError, match="its depth is not above 0 everywhere"):
        model.predict(ramp(), CAMERA)


def test_an_image_of_another_size_than_the_cameras_is_told(tmp_path: Path) -> None:
    model = DepthModel.load(write_model(tmp_path / "m.onnx", {"output": "metres"}, {"depth": (1.0, 1.0)}))
    with pytest.raises(ValueError, match="the colour image is 160x240"):
        model.predict(ramp()[:, :160], CAMERA)


@pytest.mark.parametrize("shape", [(480, 640), (370, 1226), (500, 741), (1080, 810)])
def test_an_image_of_any_shape_lies_whole_in_an_input_of_the_right_multiples(shape: tuple[int, int]) -> None:
    form = DepthModelFormat(short_side=180, multiple=64, margin=12)
    laid = placement(shape, form)
    assert all(size % 64 == 0 for size in laid.shape)
    assert min(laid.content) == 180
    assert laid.content[0] / laid.content[1] == pytest.approx(shape[0] / shape[1], rel=0.01)
    rows, columns = laid.inside
    assert rows.start >= 0
    assert laid.shape[0] - laid.content[0] >= 12
    assert columns.stop <= laid.shape[1]


def test_a_format_keeps_its_fields() -> None:
    form = checked({"output": "metres", "mean": [0.1, 0.2, 0.3]})
    assert form.mean == (0.1, 0.2, 0.3)

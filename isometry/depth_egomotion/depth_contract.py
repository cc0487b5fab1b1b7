"""The contract of a depth model: what a file says of itself, how an image goes in, and what comes out.

Any network that predicts depth from one image fits, this package's own (models/depth_network.py) or another's that was
exported to ONNX. Its metadata has `task` "depth" and in `preprocessing` the fields of `DepthModelFormat` as JSON. The
input is one image (1,3,H,W) float32: red, green, blue, from 0 to 1, less `mean`, over `deviation`. The outputs:

    depth      the first one, whatever its name is: (1,H,W) or (1,1,H,W), in the unit that `output` says
    log_scale  where there is one: logarithm of the scale of Laplace's distribution of the error of ln(depth)
    normals    where there is one: (1,3,H,W) unit normals towards the camera, in its axes

The outputs may be smaller than the input by a whole factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from isometry import parameters
from isometry.arrays import AnyArray
from isometry.inference import Model, ModelMismatchError
from isometry.inference.contract import Arrays, Contract, Port, Symmetry
from isometry.parameters import parameter

TASK = "depth"
GROUP = "shifts by whole pixels on the torus"
OUTPUTS = ("metres", "focal_normalised", "inverse")
RESIZE = ("letterbox", "stretch")
SHIFTS = ((0, 1), (1, 0), (1, 1), (2, 3), (3, 2), (5, 14), (15, 15))  # pixels: of all strides up to 16
EXAMPLE, USUAL = (128, 192), (192, 640)  # rows and columns


@dataclass(frozen=True)
class DepthModelFormat:
    """What the file of a depth model says of itself."""

    output: str = parameter("metres", "metres; of a camera of `focal` pixels; or their inverse", choices=OUTPUTS)
    focal: float = parameter(0.0, "pixels at the network's size, of the camera that focal_normalised is for", 0.0)
    inverse_scale: float = parameter(0.0, "1/metres = inverse_scale * output + inverse_shift; 0: not known", 0.0)
    inverse_shift: float = parameter(0.0, "1/metres, see inverse_scale")
    height: int = parameter(0, "rows of the input; 0: any", 0)
    width: int = parameter(0, "columns of the input; 0: any", 0)
    short_side: int = parameter(0, "pixels to which the shorter side of an image is brought, where any size will do", 0)
    multiple: int = parameter(1, "of height and width, where any size will do", 1)
    margin: int = parameter(0, "pixels that a letterbox leaves free in each direction at least", 0)
    resize: str = parameter("letterbox", "letterbox: in proportion, the rest is the mean; or stretch", choices=RESIZE)
    mean: tuple[float, float, float] = parameter((0.0, 0.0, 0.0), "of red, green, blue, from 0 to 1")
    deviation: tuple[float, float, float] = parameter((1.0, 1.0, 1.0), "of red, green, blue, from 0 to 1")
    sigma_factor: float = parameter(0.0, "standard deviation of ln(depth) in scales of the file's log_scale", 0.0)
    sigma_floor: float = parameter(0.0, "standard deviation of ln(depth) beside it; both 0: not known", 0.0)
    own_normals: bool = parameter(False, "whether the normals of the file are better than those of its depth")


class Placement(NamedTuple):
    """Where an image lies in the input of a network."""

    shape: tuple[int, int]  # rows and columns of the input
    content: tuple[int, int]  # of the image in it
    corner: tuple[int, int]  # row and column of its first pixel

    @property
    def inside(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        (height, width), (top, left) = self.content, self.corner
        return slice(top, top + height), slice(left, left + width)


def placement(shape: tuple[int, int], form: DepthModelFormat) -> Placement:
    """Where an image of `shape` lies: as large as a fixed input allows, else with its shorter side as the file says."""
    if form.height:
        room = form.height - form.margin, form.width - form.margin
        if form.resize == "stretch":
            return Placement((form.height, form.width), room, (form.margin // 2, form.margin // 2))
        content = _scaled(shape, min(room[0] / shape[0], room[1] / shape[1]))
        outer = form.height, form.width
    else:
        content = _scaled(shape, (form.short_side or min(shape)) / min(shape))
        if form.resize == "stretch":
            content = _up(content[0] + form.margin, form.multiple), _up(content[1] + form.margin, form.multiple)
            return Placement(content, content, (0, 0))
        outer = _up(content[0] + form.margin, form.multiple), _up(content[1] + form.margin, form.multiple)
    return Placement(outer, content, ((outer[0] - content[0]) // 2, (outer[1] - content[1]) // 2))


def format_of(model: Model) -> DepthModelFormat:
    """What a file says of itself. Raises ModelMismatchError, naming it and what is missing or cannot be."""
    try:
        return checked(model.constants())
    except ModelMismatchError:
        raise
    except (TypeError, ValueError) as error:
        raise ModelMismatchError(f"{model.path}: {error}") from error


def checked(constants: dict[str, Any]) -> DepthModelFormat:
    """A format of its fields by name. Raises ValueError for what is unknown, out of range, missing or does not fit."""
    triples = {name: tuple(constants[name]) for name in ("mean", "deviation") if name in constants}
    form = parameters.from_mapping(DepthModelFormat, constants | triples)
    if len(form.mean) != 3 or len(form.deviation) != 3 or min(form.deviation) <= 0.0:
        raise ValueError("mean and deviation must be three numbers each, the deviations above 0")
    if form.output == "focal_normalised" and form.focal <= 0.0:
        raise ValueError("the depth is focal_normalised, and `focal` does not say for which focal length")
    if form.output == "inverse" and form.inverse_scale <= 0.0:
        raise ValueError(
            "the depth is inverse, and inverse_scale does not say what of: 1/metres = inverse_scale * output + "
            "inverse_shift; a relative depth has no metres"
        )
    if (form.height > 0) != (form.width > 0):
        raise ValueError("height and width: both, or 0 for both where any size will do")
    if form.height and min(form.height, form.width) <= form.margin:
        raise ValueError("the margin leaves nothing of height or width")
    return form


def depth_contract(exact: bool) -> Contract:
    """The contract of a file of any size in multiples of 64. `exact`: whether it says that it moves with its image."""
    return Contract(
        task=TASK,
        group=GROUP if exact else "none",
        frame="optical frame of the camera: x right, y down, z forward",
        inputs={"image": Port("float32 (1, 3, height, width); red, green, blue, normalised", shifted)},
        outputs={
            "depth": Port("float32 (1, height, width); metres of the camera that the file's format says", shifted),
            "log_scale": Port(
                "float32 (1, height, width); ln of the scale of the error of ln(depth), Laplace", shifted
            ),
            "normals": Port("float32 (1, 3, height, width); unit, towards the camera", shifted),
        },
        symmetries={"shifted_by_pixels": Symmetry(SHIFTS, 1e-4 if exact else None)},
        example=lambda seed: example_image((EXAMPLE[0], EXAMPLE[1] + 64 * seed), seed),
        usual=lambda: example_image(USUAL, 0),
    )


def contract_of(model: Model) -> Contract:
    """The contract of a file, with the outputs that it has. Raises ModelMismatchError where it is no depth model."""
    form = format_of(model)
    full = depth_contract(model.metadata.get("symmetry_group") == GROUP)
    taken, given = model.session.get_inputs()[0], [output.name for output in model.session.get_outputs()]
    outputs = {given[0]: full.outputs["depth"]} | {name: full.outputs[name] for name in given if name in full.outputs}

    def image(rows: int, columns: int, seed: int) -> Arrays:
        shape = _up(form.height or rows, form.multiple), _up(form.width or columns, form.multiple)
        return {taken.name: example_image(shape, seed)["image"]}

    return replace(
        full,
        inputs={taken.name: full.inputs["image"]},
        outputs=outputs,
        example=lambda seed: image(*EXAMPLE, seed),
        usual=lambda: image(*USUAL, 0),
    )


def shifted(array: AnyArray, shift: tuple[int, int]) -> AnyArray:
    """Maps (...,H,W) on the torus, moved down and to the right by pixels."""
    return np.roll(array, shift, axis=(-2, -1))


def example_image(shape: tuple[int, int], seed: int) -> Arrays:
    """A random normalised image (1,3,H,W)."""
    return {"image": np.random.default_rng(seed).normal(size=(1, 3, *shape)).astype(np.float32)}


def _scaled(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(round(shape[0] * scale), 1), max(round(shape[1] * scale), 1)


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple

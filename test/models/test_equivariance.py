"""Every layer and every network does what its group says, in both precisions, and a masked copy of it does not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from torch import Tensor, nn  # noqa: E402

import isometry.models  # noqa: E402
from isometry.arrays import AnyArray  # noqa: E402
from isometry.depth_egomotion.depth_contract import SHIFTS, depth_contract, shifted  # noqa: E402
from isometry.evaluation.moving_digits.contract import step_contract  # noqa: E402
from isometry.inference.contract import (  # noqa: E402
    Arrays,
    Contract,
    Element,
    Function,
    Port,
    Representation,
    Symmetry,
    assert_equivariant,
    invariant,
)
from isometry.inference.representations import (  # noqa: E402
    QUARTER_TURNS,
    fields,
    image,
    memory_windows,
    moving_frames,
    positions,
    random_planar_motions,
    random_rotations,
    rotated,
    vector_channels,
    vectors,
)
from isometry.models.birds_eye_encoder import BirdsEyeEncoder  # noqa: E402
from isometry.models.depth_network import DepthNetwork, Joining  # noqa: E402
from isometry.models.equivariant_motion import EquivariantMotion  # noqa: E402
from isometry.models.flow_memory import FlowFilter, FlowMemory  # noqa: E402
from isometry.models.flow_predictor import Decoder, FlowPredictor, PlainPredictor  # noqa: E402
from isometry.models.layers.flow.recurrence import FlowRecurrence  # noqa: E402
from isometry.models.layers.flow.translation_flows import TranslationFlows  # noqa: E402
from isometry.models.layers.plain.recurrence import PlainRecurrence  # noqa: E402
from isometry.models.layers.shift.anchoring import anchor_of, rolled  # noqa: E402
from isometry.models.layers.shift.attention import AnchoredAttention  # noqa: E402
from isometry.models.layers.shift.convolution import ConvolutionBlock, TorusConvolution  # noqa: E402
from isometry.models.layers.shift.patches import AnchoredPatches, to_pixels  # noqa: E402
from isometry.models.layers.so2.cyclic_convolution import (  # noqa: E402
    ORIENTATIONS,
    CyclicBlock,
    CyclicConvolution,
    FieldNormalization,
)
from isometry.models.layers.so2.orientation_pooling import OrientationPooling  # noqa: E402
from isometry.models.layers.so2.planar_vectors import AgentBlock, Interaction  # noqa: E402
from isometry.models.layers.so2.polar_grid import PolarGrid  # noqa: E402
from isometry.models.layers.so2.ring_pooling import RingPooling  # noqa: E402
from isometry.models.layers.so3.point_pair_attention import (  # noqa: E402
    GlobalAttention,
    GlobalPairs,
    Mixer,
    PairEmbedding,
    PairSurface,
    PointPairAttention,
)
from isometry.models.layers.so3.position_aware_convolution import (  # noqa: E402
    Kernels,
    PositionAwareConvolution,
    SurfaceEmbedding,
)
from isometry.models.layers.so3.vector_features import PointBlock, VectorNormalization  # noqa: E402
from isometry.models.point_pair_transformer import PointPairTransformer  # noqa: E402
from isometry.models.position_aware_network import PositionAwareNetwork  # noqa: E402
from isometry.place_recognition.contract import encoder_contract, example_images  # noqa: E402
from isometry.registration.features.contract import features_contract  # noqa: E402
from isometry.sensing.birds_eye import BirdsEyeGrid  # noqa: E402
from isometry.tracking.memory.contract import flow_contract  # noqa: E402
from isometry.tracking.memory.flow_cells import FlowGrid  # noqa: E402
from isometry.tracking.prediction.contract import motion_contract  # noqa: E402
from isometry.training.common.export import torch_function  # noqa: E402
from isometry.training.registration.export import as_pyramid  # noqa: E402

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
LOOSER = {"float32": 1e-4, "float64": 1e-11}  # of networks of several layers, and of layers in space
DEEP = {"float32": 1e-3, "float64": 1e-9}  # of networks of many layers, and of those that predict metres
POINTS, SCALARS, VECTORS, AGENTS, NEIGHBOURS, STEPS = 60, 12, 6, 7, 8, 5
NO_SYMMETRY = {
    Kernels: "acts on invariants of each edge",
    Mixer: "acts on invariants of each point",
    GlobalAttention: "acts on invariants of points, and a bias that GlobalPairs makes invariant",
    TranslationFlows: "is the shift of FlowRecurrence",
    Decoder: "ordinary convolutions",
    PlainPredictor: "what FlowPredictor is measured against",
    PlainRecurrence: "what FlowRecurrence is measured against",
}


@dataclass(frozen=True)
class Case:
    """A layer or network, how to make it, and its contract."""

    kind: type[nn.Module]
    make: Callable[[], nn.Module]
    contract: Contract
    packed: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    outputs: tuple[str, ...] = ()  # of one call, where the contract's are of several
    tolerances: Mapping[str, float] = field(default_factory=lambda: TOLERANCES)  # by precision


def layer(
    elements: Sequence[Element],
    example: Callable[[np.random.Generator], Arrays],
    inputs: Mapping[str, Representation],
    outputs: Mapping[str, Representation],
    unroll: Callable[[Function], Function] = lambda function: function,
) -> Contract:
    """The contract of a layer; inputs that are not named are invariant."""
    arrays = example(np.random.default_rng(0))
    return Contract(
        task="",
        group="",
        frame="",
        inputs={name: Port("", inputs.get(name, invariant)) for name in arrays},
        outputs={name: Port("", transform) for name, transform in outputs.items()},
        symmetries={"error": Symmetry(elements)},
        example=lambda seed: example(np.random.default_rng(seed)),
        unroll=unroll,
    )


def cloud(random: np.random.Generator) -> dict[str, AnyArray]:
    points = random.normal(size=(POINTS, 3))
    normals = random.normal(size=(POINTS, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    return {"points": points, "normals": normals, "neighbours": apart.argsort(axis=1)[:, :NEIGHBOURS]}


def of_cloud(*names: str) -> Callable[[np.random.Generator], Arrays]:
    """The arrays of a cloud that a layer takes, by the names of its arguments; every point is a centre too."""

    def example(random: np.random.Generator) -> Arrays:
        given = cloud(random)
        everything = given | {
            "centres": given["points"],
            "here": given["normals"],
            "sided": np.ones(1),
            "scalars": random.normal(size=(POINTS, SCALARS)),
            "vectors": random.normal(size=(POINTS, 3, VECTORS)),
            "features": random.normal(size=(POINTS, SCALARS)),
        }
        return {name: everything[name] for name in names}

    return example


TURNING = dict.fromkeys(("points", "normals", "centres", "here"), vectors) | {"vectors": vector_channels}
IN_SPACE = random_rotations()


def so3(kind: type[nn.Module], make: Callable[[], nn.Module], names: str, **outputs: Representation) -> Case:
    return Case(kind, make, layer(IN_SPACE, of_cloud(*names.split()), TURNING, outputs), tolerances=LOOSER)


def maps(channels: int, size: int = 12) -> Callable[[np.random.Generator], Arrays]:
    return lambda random: {"features": np.abs(random.normal(size=(2, channels, size, size)))}


def of_fields(kind: type[nn.Module], make: Callable[[], nn.Module], output: Representation) -> Case:
    contract = layer(QUARTER_TURNS, maps(3 * ORIENTATIONS), {"features": fields}, {"output": output})
    return Case(kind, make, contract)


def on_torus(kind: type[nn.Module], make: Callable[[], nn.Module]) -> Case:
    return Case(kind, make, layer(SHIFTS, maps(4, 16), {"features": shifted}, {"output": shifted}))


class ThereAndBack(nn.Module):
    """The patches of an image, and back to its pixels, as a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = AnchoredPatches(4, 32, 4)

    def forward(self, features: Tensor) -> Tensor:
        patches, anchor = self.patches(features)
        return to_pixels(patches, anchor, 4)


class JoinedAgain(nn.Module):
    """A map, a coarser one made of it, and both joined."""

    def __init__(self) -> None:
        super().__init__()
        self.joining = Joining(4, 4, 6)

    def forward(self, features: Tensor) -> Tensor:
        anchor = anchor_of(features, 2)
        coarse = nn.functional.avg_pool2d(rolled(features, -anchor), 2)
        joined: Tensor = self.joining(coarse, anchor, features)
        return joined


def agents(random: np.random.Generator) -> Arrays:
    return {
        "scalars": random.normal(size=(AGENTS, SCALARS)),
        "vectors": random.normal(size=(AGENTS, 2, VECTORS)),
        "positions": 8.0 * random.normal(size=(AGENTS, 2)),
        "velocities": 4.0 * random.normal(size=(AGENTS, 2)),
        "present": np.ones(AGENTS),
    }


class ToPolar(PolarGrid):
    """The grid's way from images to maps, as a layer."""

    def forward(self, features: Tensor) -> Tensor:
        return self.polar(features)


def unrolled(flows: TranslationFlows, hidden: int, size: int) -> Callable[[Function], Function]:
    """Runs a recurrence over a sequence (T,1,I,H,W) of frames: its memory after them."""

    def unroll(step: Function) -> Function:
        def run(inputs: Arrays) -> Arrays:
            rows, columns = flows.tiles
            state: Arrays = {
                "memory": np.zeros((1, hidden, rows * size, columns * size), inputs["frames"].dtype),
                "displacement": np.zeros((1, rows + columns), np.int64),
            }
            for frame in inputs["frames"]:
                state = step({"frame": frame, **state})
            return {"memory": state["memory"]}

        return run

    return unroll


def strong(network: nn.Module) -> nn.Module:
    """The network far from its first weights, some of which are zero."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network


def trained_encoder() -> nn.Module:
    network = BirdsEyeEncoder()
    network.backbone(torch.from_numpy(example_images(BirdsEyeGrid(), 4, 0)))  # statistics of the normalisation
    network.projection.normal_()
    return network


def predictor() -> FlowPredictor:
    return FlowPredictor(4, 2, TranslationFlows(2, circular=True))


FLOWS = TranslationFlows(2, circular=True)
IN_THE_PLANE = random_planar_motions(20.0)
OF_AGENTS = {
    "vectors": rotated(vector_channels),
    "positions": positions,
    "velocities": rotated(vectors),
}
STEP = ("predicted", "new_memory", "new_displacement")

LAYERS = [
    of_fields(CyclicConvolution, lambda: CyclicConvolution(3, 4, 5), fields),
    of_fields(CyclicBlock, lambda: CyclicBlock(3, 4, 3), fields),
    of_fields(FieldNormalization, lambda: FieldNormalization(3), fields),
    of_fields(OrientationPooling, OrientationPooling, image),
    Case(
        RingPooling,
        lambda: RingPooling(12, 4),
        layer(QUARTER_TURNS, maps(3), {"features": image}, {"pooled": invariant}),
    ),
    Case(
        PolarGrid,
        lambda: ToPolar(12, 40),
        layer(
            QUARTER_TURNS,
            maps(3),
            {"features": image},
            {"maps": lambda array, turns: np.roll(array, 10 * turns, axis=-1)},
        ),
    ),
    Case(
        AgentBlock,
        lambda: AgentBlock(SCALARS, VECTORS),
        layer(
            IN_THE_PLANE,
            lambda random: {name: agents(random)[name] for name in ("scalars", "vectors")},
            OF_AGENTS,
            {"scalars": invariant, "vectors": rotated(vector_channels)},
        ),
    ),
    Case(
        Interaction,
        lambda: Interaction(SCALARS, VECTORS, 30.0),
        layer(IN_THE_PLANE, agents, OF_AGENTS, {"scalars": invariant, "vectors": rotated(vector_channels)}),
    ),
    so3(VectorNormalization, lambda: VectorNormalization(VECTORS), "vectors", vectors=vector_channels),
    so3(
        PointBlock,
        lambda: PointBlock(SCALARS, VECTORS, 10, 5),
        "scalars vectors",
        scalars=invariant,
        vectors=vector_channels,
    ),
    so3(
        SurfaceEmbedding,
        lambda: SurfaceEmbedding(SCALARS, VECTORS, 2.0),
        "points normals sided centres neighbours",
        scalars=invariant,
        vectors=vector_channels,
    ),
    so3(
        PositionAwareConvolution,
        lambda: PositionAwareConvolution(SCALARS, VECTORS, 10, 5, 2.0),
        "scalars vectors points centres neighbours",
        scalars=invariant,
        vectors=vector_channels,
    ),
    so3(
        PairEmbedding,
        lambda: PairEmbedding(2.0),
        "points normals centres here sided neighbours",
        channels=invariant,
        squared=invariant,
    ),
    so3(PairSurface, lambda: PairSurface(10, 2.0), "points normals centres here sided neighbours", features=invariant),
    so3(
        PointPairAttention,
        lambda: PointPairAttention(SCALARS, SCALARS, 2.0),
        "features points normals centres here sided neighbours",
        features=invariant,
    ),
    so3(GlobalPairs, lambda: GlobalPairs(8, 2.0), "points normals sided", biases=invariant),
    on_torus(TorusConvolution, lambda: TorusConvolution(4, 6, 5)),
    on_torus(ConvolutionBlock, lambda: ConvolutionBlock(4)),
    on_torus(AnchoredPatches, ThereAndBack),
    on_torus(AnchoredAttention, lambda: AnchoredAttention(4, 2, window=4)),
    on_torus(Joining, JoinedAgain),
    Case(
        FlowRecurrence,
        lambda: FlowRecurrence(2, 3, FLOWS),
        layer(
            [(1, 0), (0, -1), (-2, 1), (2, 2)],
            lambda random: {"frames": random.normal(size=(STEPS, 1, 2, 12, 12))},
            {"frames": moving_frames},
            {"memory": memory_windows(FLOWS.tiles)},
            unrolled(FLOWS, 3, 12),
        ),
        outputs=("memory", "displacement"),
    ),
]

NETWORKS = [
    Case(BirdsEyeEncoder, trained_encoder, encoder_contract(BirdsEyeGrid(), 512), tolerances=LOOSER),
    Case(PositionAwareNetwork, PositionAwareNetwork, features_contract(with_frames=True), as_pyramid, tolerances=DEEP),
    Case(PointPairTransformer, PointPairTransformer, features_contract(with_frames=False), as_pyramid, tolerances=DEEP),
    Case(DepthNetwork, DepthNetwork, depth_contract(exact=True), tolerances=DEEP),
    Case(EquivariantMotion, EquivariantMotion, motion_contract(), tolerances=DEEP),
    Case(FlowFilter, FlowFilter, flow_contract(FlowGrid(), 1)),
    Case(FlowMemory, FlowMemory, flow_contract(FlowGrid(), 3)),
    Case(FlowPredictor, predictor, step_contract("translating", "flow", (4, 120, 120), 1.0), outputs=STEP),
]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", LAYERS + NETWORKS, ids=lambda case: case.kind.__name__)
def test_a_network_is_equivariant_and_its_masked_copy_is_not(case: Case, dtype: str) -> None:
    torch.manual_seed(0)
    network = strong(case.make()).to(getattr(torch, dtype))
    function = torch_function(network, case.outputs or list(case.contract.outputs), case.packed)
    assert_equivariant(function, case.contract, case.tolerances[dtype], getattr(np, dtype))


def test_every_layer_and_network_is_tested() -> None:
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(isometry.models.__path__, "isometry.models.")
    ]
    defined = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, nn.Module) and kind.__module__.startswith("isometry.models")
    }
    assert defined == {case.kind for case in LAYERS + NETWORKS} | set(NO_SYMMETRY)

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from scipy.ndimage import gaussian_filter, rotate

from isometry.arrays import AnyArray as Array
from isometry.models.layers.flow.recurrence import FlowRecurrence, contradicted
from isometry.models.layers.flow.translation_flows import TranslationFlows
from isometry.models.layers.plain.recurrence import PlainRecurrence
from isometry.models.layers.so2.polar_grid import PolarGrid

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SIZE, STEPS, FASTEST = 12, 7, 2
FLOWS = [(1, 0), (0, -1), (-2, 1), (2, 2)]


def translations(circular: bool = True, fastest: int = FASTEST) -> TranslationFlows:
    return TranslationFlows(fastest, circular)


def recurrence(flows: TranslationFlows, mixing: int = 0, seed: int = 0) -> FlowRecurrence:
    torch.manual_seed(seed)
    made = FlowRecurrence(2, 3, flows, mixing)
    with torch.no_grad():  # far from the first weights, which hardly do anything
        for weight in made.parameters():
            weight.copy_(0.4 * torch.randn_like(weight))
    return made


def frames(seed: int = 1, size: int = SIZE) -> Array:
    """(T,1,2,S,S)"""
    return np.random.default_rng(seed).normal(size=(STEPS, 1, 2, size, size))


@torch.no_grad()
def run(layer: FlowRecurrence, sequence: Array, dtype: torch.dtype, shifts: Array | None = None) -> Array:
    """Memory (T,C,V,H,W) at its place on the grid after each frame."""
    layer = layer.to(dtype)
    memory, displacement = layer.start(*sequence.shape[3:])
    seen = []
    for t, frame in enumerate(torch.from_numpy(sequence).to(dtype)):
        own = None if shifts is None else torch.from_numpy(shifts[t])[None]
        memory, displacement = layer(frame, memory, displacement, own)
        seen.append(layer.world(memory, displacement)[0].flatten(1, 2))
    return torch.stack(seen).numpy()


def moved(array: Array, velocity: tuple[int, int]) -> Array:
    """A sequence (T,...,H,W) that moves by `velocity` in every step, on a circular grid."""
    return np.stack([np.roll(a, (t * velocity[0], t * velocity[1]), axis=(-2, -1)) for t, a in enumerate(array)])


def velocities(layer: FlowRecurrence) -> Array:
    """(V,2), in the order of the memory's tiles."""
    rows, columns = np.split(layer.flows.speeds.numpy(), [layer.flows.tiles[0]])
    return np.array([(row, column) for row in rows for column in columns])


def recurrence_by_its_definition(layer: FlowRecurrence, sequence: Array) -> Array:
    """The paper's equation in the frame of the grid, one velocity after the other, in numpy: (T,C,V,H,W)."""
    w, u = (m.weight.detach().double().numpy().reshape(3, -1) for m in (layer.recurrent, layer.input))
    assert layer.input.bias is not None
    bias = layer.input.bias.detach().double().numpy()[:, None, None]
    outputs = []
    for v in velocities(layer):
        h = np.zeros((3, *sequence.shape[3:]))
        of_flow = []
        for frame in sequence[:, 0]:
            h = np.roll(h, tuple(v), axis=(-2, -1))
            h = np.maximum(np.einsum("oi,ihw->ohw", w, h) + np.einsum("oi,ihw->ohw", u, frame) + bias, 0.0)
            of_flow.append(h)
        outputs.append(of_flow)
    return np.array(outputs).transpose(1, 2, 0, 3, 4)


def test_it_is_the_recurrence_of_the_paper() -> None:
    layer = recurrence(translations())
    expected = recurrence_by_its_definition(layer, frames())
    np.testing.assert_allclose(run(layer, frames(), torch.float64), expected, atol=1e-12)


def flow_error(memory: Array, memory_of_moved: Array, velocity: tuple[int, int], within: int = FASTEST) -> float:
    """Largest difference of memories (T,C,V,H,W), relative to the largest value, from moving with the input.

    Over the velocities up to `within` whose counterpart in the memory of the unmoved input is up to `within` as well.
    """
    side = round(memory.shape[2] ** 0.5)
    one, other = (m.reshape(*m.shape[:2], side, side, *m.shape[3:]) for m in (moved(memory, velocity), memory_of_moved))
    rim = side // 2 - within
    kept = range(rim, side - rim)
    pairs = [(i, j) for i in kept for j in kept if i - velocity[0] in kept and j - velocity[1] in kept]
    assert pairs
    worst = max(np.abs(other[:, :, i, j] - one[:, :, i - velocity[0], j - velocity[1]]).max() for i, j in pairs)
    return float(worst / np.abs(memory).max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("velocity", FLOWS)
def test_a_moving_input_moves_the_memory_and_permutes_its_velocities(
    dtype: torch.dtype, velocity: tuple[int, int]
) -> None:
    layer = recurrence(translations())
    memory, memory_of_moved = (run(layer, x, dtype) for x in (frames(), moved(frames(), velocity)))
    assert flow_error(memory, memory_of_moved, velocity) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_pooled_over_the_velocities_moves_with_the_input(dtype: torch.dtype) -> None:
    """The set of velocities must move with the flow: -1 to 1 of the still input are 0 to 2 of the moved one."""
    layer, velocity = recurrence(translations(fastest=1)), (1, -1)
    wide = recurrence(translations(fastest=2))
    wide.load_state_dict(layer.state_dict())
    pooled = run(layer, frames(), dtype).max(axis=2)
    shifted = run(wide, moved(frames(), velocity), dtype).reshape(STEPS, 3, 5, 5, SIZE, SIZE)
    of_moved = shifted[:, :, 2:5, 0:3].max(axis=(2, 3))  # velocities (0..2, -2..0): those of -1..1, each plus (1,-1)
    np.testing.assert_allclose(of_moved, moved(pooled, velocity), atol=TOLERANCE[dtype] * np.abs(pooled).max())


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize(
    "flows", [translations(), translations(circular=False), TranslationFlows((0, 3), circular=True, stride=2)]
)
def test_the_highest_is_the_maximum_over_the_velocities(flows: TranslationFlows, ahead: int) -> None:
    layer = recurrence(flows)
    memory, displacement = layer.start(SIZE, SIZE + 2)
    frame = torch.from_numpy(frames()[0]).float()
    wide = torch.nn.functional.pad(frame, (1, 1))
    with torch.no_grad():
        for _ in range(3):
            memory, displacement = layer(wide, memory, displacement)
        highest = layer.highest(memory, displacement, ahead)
        assert highest.shape == (1, 3, SIZE, SIZE + 2)
        np.testing.assert_array_equal(highest, layer.world(memory, displacement, ahead).amax(dim=(2, 3)))


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("velocity", FLOWS)
def test_an_ordinary_recurrence_fails_the_same_test(kernel_size: int, velocity: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = PlainRecurrence(2, 3, kernel_size, circular=True).double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(0.2 * torch.randn_like(weight))
    memory, memory_of_moved = (run_plain(layer, x) for x in (frames(), moved(frames(), velocity)))
    assert np.abs(memory_of_moved - moved(memory, velocity)).max() / np.abs(memory).max() > 0.1
    still = run_plain(layer, np.roll(frames(), (3, 4), axis=(-2, -1)))  # it knows where, and not how fast
    np.testing.assert_allclose(still, np.roll(memory, (3, 4), axis=(-2, -1)), atol=1e-12)


@torch.no_grad()
def run_plain(layer: PlainRecurrence, sequence: Array) -> Array:
    """Memory (T,C,1,H,W) after each frame."""
    memory = layer.start(*sequence.shape[3:])
    seen = []
    for frame in torch.from_numpy(sequence):
        memory = layer(frame, memory)
        seen.append(memory[0, :, None])
    return torch.stack(seen).numpy()


def test_mixing_neighbouring_velocities_is_equivariant_away_from_the_rim_of_the_set() -> None:
    layer, velocity = recurrence(translations(fastest=4), mixing=1), (1, 0)
    short = frames()[:3]
    memory, memory_of_moved = (run(layer, x, torch.float64) for x in (short, moved(short, velocity)))
    assert flow_error(memory, memory_of_moved, velocity, within=2) < 1e-12  # the rim comes in by one a step
    assert flow_error(memory, memory_of_moved, velocity, within=4) > 1e-3
    alone = recurrence(translations(fastest=4))
    with torch.no_grad():
        alone.recurrent.weight.copy_(layer.recurrent.weight[:, :, 1:2, 1:2])
    assert np.abs(run(alone, short, torch.float64) - memory).max() > 0.1


def test_an_open_border_is_a_world_that_is_empty_beyond_it() -> None:
    """Memory on an open grid is that on a large one with empty frames around, on which nothing comes back."""
    flows, margin = translations(circular=False), FASTEST * STEPS
    layer = recurrence(flows)
    around = recurrence(translations(circular=True))
    with torch.no_grad():
        assert layer.input.bias is not None
        layer.input.bias.zero_()
    around.load_state_dict(layer.state_dict())
    edge = (margin, margin)
    large = run(around, np.pad(frames(), [(0, 0)] * 3 + [edge, edge]), torch.float64)
    inner = slice(margin, margin + SIZE)
    np.testing.assert_allclose(run(layer, frames(), torch.float64), large[..., inner, inner], atol=1e-12)
    assert np.abs(run(around, frames(), torch.float64) - large[..., inner, inner]).max() > 0.1


@pytest.mark.parametrize("circular", [True, False])
def test_what_is_read_ahead_is_what_comes_when_nothing_new_is_seen(circular: bool) -> None:
    layer = recurrence(translations(circular)).double()
    with torch.no_grad():
        memory, displacement = layer.start(SIZE, SIZE)
        memory, displacement = layer(torch.from_numpy(frames()[0]), memory, displacement)
        ahead = layer.world(memory, displacement, ahead=3).flatten(2, 3).numpy()
        v = velocities(layer)
        now = layer.world(memory, displacement).flatten(2, 3).numpy()
    for k in range(len(v)):
        expected = np.roll(now[:, :, k], tuple(3 * v[k]), axis=(-2, -1))
        if not circular:
            for axis, d in ((2, 3 * v[k, 0]), (3, 3 * v[k, 1])):
                gone = np.arange(SIZE) < d if d > 0 else np.arange(SIZE) >= SIZE + d
                expected = np.where(gone.reshape([-1 if i == axis else 1 for i in range(4)]), 0.0, expected)
        np.testing.assert_array_equal(ahead[:, :, k], expected)


def test_the_robots_own_motion_moves_the_memory_and_permutes_nothing() -> None:
    """A robot that drives about sees the frames shifted; given that shift, it remembers the same at each velocity."""
    layer = recurrence(translations())
    shifts = np.array([[0, 0], [1, 0], [1, 2], [0, -3], [-2, 1], [5, 0], [0, 1]])
    path = shifts.cumsum(axis=0)
    seen = np.stack([np.roll(f, tuple(at), axis=(-2, -1)) for f, at in zip(frames(), path, strict=True)])
    still = run(layer, frames(), torch.float64)
    expected = np.stack([np.roll(m, tuple(at), axis=(-2, -1)) for m, at in zip(still, path, strict=True)])
    np.testing.assert_allclose(run(layer, seen, torch.float64, shifts), expected, atol=1e-12)


@pytest.mark.parametrize("circular", [True, False])
def test_each_sequence_of_a_batch_may_have_its_own_motion(circular: bool) -> None:
    layer = recurrence(translations(circular)).double()
    sequences = np.concatenate([frames(1), frames(2)], axis=1)
    shifts = np.random.default_rng(3).integers(-2, 3, (STEPS, 2, 2))
    memory, displacement = layer.start(SIZE, SIZE, batch=2)
    with torch.no_grad():
        for frame, own in zip(torch.from_numpy(sequences), torch.from_numpy(shifts), strict=True):
            memory, displacement = layer(frame, memory, displacement, own)
        together = layer.world(memory, displacement).flatten(2, 3).numpy()
    for k in range(2):
        alone = run(layer, sequences[:, k : k + 1], torch.float64, shifts[:, k])
        np.testing.assert_allclose(together[k], alone[-1], atol=1e-12)


@torch.no_grad()
def run_polar(layer: FlowRecurrence, grid: PolarGrid, sequence: Array) -> Array:
    """Memory (T,C,V,S,S), back on the grid of the image, after each frame."""
    images = torch.from_numpy(sequence)
    grid, layer = grid.to(images.dtype), layer.to(images.dtype)
    memory, displacement = layer.start(*grid.shape)
    seen = []
    for frame in images:
        memory, displacement = layer(grid.polar(frame), memory, displacement)
        seen.append(grid.image(layer.world(memory, displacement)[0, :, 0].transpose(0, 1)).transpose(0, 1))
    return torch.stack(seen).numpy()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_on_a_polar_grid_quarter_turns_are_exact(dtype: torch.dtype) -> None:
    layer, grid = recurrence(TranslationFlows((0, 1), circular=True, stride=6)), PolarGrid(SIZE, 24)
    still = torch.from_numpy(frames()).to(dtype).numpy()
    spun = np.stack([np.rot90(frame, t, axes=(-2, -1)) for t, frame in enumerate(still)])
    memory, of_spun = run_polar(layer, grid, still), run_polar(layer, grid, spun)
    expected = np.stack([np.rot90(m, t, axes=(-2, -1)) for t, m in enumerate(memory)])
    scale = TOLERANCE[dtype] * np.abs(memory).max()
    np.testing.assert_allclose(of_spun[:, :, 1:], expected[:, :, :-1], atol=scale)
    assert np.abs(of_spun - expected).max() > 0.1


def smooth_disc(size: int = 32) -> Array:
    """A smooth image (1,2,S,S) that ends within the inscribed circle."""
    x = np.arange(size) - (size - 1) / 2
    inside = np.hypot(x[:, None], x) < size / 2 - 5.0
    image = gaussian_filter(np.random.default_rng(0).normal(size=(1, 2, size, size)) * inside, (0, 0, 1.5, 1.5))
    return np.asarray(image / np.abs(image).max())


def test_finer_turns_are_as_exact_as_the_grid_allows_and_do_not_blur_with_time() -> None:
    """By 10 degrees a step, after one step and after two turns of the circle: the same error."""
    layer, grid = recurrence(TranslationFlows((0, 2), circular=True, stride=2)), PolarGrid(32, 72)
    with torch.no_grad():
        layer.recurrent.weight.copy_(0.5 * torch.eye(3)[..., None, None])
    still = np.repeat(smooth_disc()[None], 72, axis=0)
    spun = np.stack([rotate(f, 10.0 * t, axes=(3, 2), reshape=False, order=5) for t, f in enumerate(still)])
    memory, of_spun = run_polar(layer, grid, still), run_polar(layer, grid, spun)
    inside = np.hypot(*np.meshgrid(*2 * [np.arange(32) - 15.5])) < 12.0
    errors = []
    for t in (1, 9, 17, 35, 71):
        expected = rotate(memory[t, :, :-1], 10.0 * t, axes=(3, 2), reshape=False, order=5)
        errors.append(float(np.abs(of_spun[t, :, 1:] - expected)[..., inside].max() / np.abs(memory[t]).max()))
    assert max(errors) < 0.04
    assert errors[-1] < 1.1 * max(errors[:-1])


def test_what_is_not_known_yet_is_the_prior() -> None:
    torch.manual_seed(0)
    layer = FlowRecurrence(2, 3, translations(circular=False), update=contradicted, prior=1.0)
    assert layer.input.bias is not None
    memory, displacement = layer.start(SIZE, SIZE)
    assert (memory == 1.0).all()
    with torch.no_grad():
        layer.input.weight.fill_(1.0)  # every cell is contradicted
        memory, displacement = layer(torch.full((1, 2, SIZE, SIZE), 5.0), memory, displacement)
        assert (memory < 0.0).all()
        layer.input.weight.fill_(0.0)
        layer.input.bias.fill_(-9.0)  # and no cell is
        layer.recurrent.weight.fill_(0.0)
        memory, displacement = layer(torch.ones(1, 2, SIZE, SIZE), memory, displacement)
        world = layer.world(memory, displacement)[0, 0]
    right, down_left = world[FASTEST, 2 * FASTEST], world[2 * FASTEST, 0]
    assert (right[:, :2] == 1.0).all()
    assert (right[:, 2:] < 0.0).all()
    assert (down_left[:2] == 1.0).all()
    assert (down_left[:, -2:] == 1.0).all()
    assert (down_left[2:, :-2] < 0.0).all()


@pytest.mark.parametrize(("size", "angles"), [(31, 72), (32, 71)])
def test_polar_grids_that_cannot_be_are_refused(size: int, angles: int) -> None:
    with pytest.raises(ValueError, match="even"):
        PolarGrid(size, angles)


def test_speeds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 cells a step"):
        TranslationFlows(-1, circular=True)


def test_the_step_as_a_file_is_the_layer_on_an_open_grid_with_the_robots_motion(tmp_path: Path) -> None:
    layer = recurrence(translations(circular=False)).eval()
    layer.prior = 0.5
    memory, displacement = layer.start(SIZE, SIZE)
    frame, shift = torch.from_numpy(frames()[0]).float(), torch.tensor([[1, -2]])
    names = ["frame", "memory", "displacement", "own_shift"]
    torch.onnx.export(
        layer,
        (frame, memory, displacement, shift),
        str(tmp_path / "step.onnx"),
        input_names=names,
        opset_version=18,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(str(tmp_path / "step.onnx"), providers=["CPUExecutionProvider"])
    state = [memory.numpy(), displacement.numpy()]
    for t, image in enumerate(torch.from_numpy(frames()).float()):
        shift = torch.tensor([[t - 2, 2 * t % 3]])
        with torch.no_grad():
            memory, displacement = layer(image, memory, displacement, shift)
        state = session.run(None, dict(zip(names, (image.numpy(), *state, shift.numpy()), strict=True)))
        np.testing.assert_allclose(state[0], memory.numpy(), atol=1e-5)
        np.testing.assert_array_equal(state[1], displacement.numpy())

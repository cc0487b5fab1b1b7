import numpy as np

from isometry.inference.flow_symmetry import Array, flow_error, moved

FRAMES = np.random.default_rng(0).random((5, 1, 1, 6, 6), dtype=np.float32)
FLOWS = [(1, 0), (-1, 1), (0, 2)]


def of_last_frame(frames: Array) -> Array:
    return np.asarray(frames[-1])


def mean_in_windows(frames: Array) -> Array:
    """The mean of the frames as each of 3 x 3 windows saw them: (1,1,18,18)."""
    means = {(p, q): moved(frames, (-p, -q)).mean(axis=0)[0, 0] for p in (-1, 0, 1) for q in (-1, 0, 1)}
    rows = [np.concatenate([means[p, q] for q in (-1, 0, 1)], axis=1) for p in (-1, 0, 1)]
    return np.concatenate(rows)[None, None]


def test_a_memory_of_the_last_frame_moves_with_it() -> None:
    assert flow_error(of_last_frame, lambda u: moved(FRAMES, u), FLOWS, (1, 1)) == 0.0


def test_a_mean_of_frames_does_not_move_with_them_but_that_in_windows_does() -> None:
    assert flow_error(lambda x: x.mean(axis=0), lambda u: moved(FRAMES, u), FLOWS, (1, 1)) > 0.1
    assert flow_error(mean_in_windows, lambda u: moved(FRAMES, u), FLOWS, (3, 3)) < 1e-6
    assert flow_error(lambda x: mean_in_windows(x[::-1]), lambda u: moved(FRAMES, u), FLOWS, (3, 3)) > 0.1

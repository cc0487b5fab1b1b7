"""`isometry evaluate ego-motion`: the motion of a camera, with depth or without, on recordings with true poses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.results import Json, Report, publish
from isometry.cli.common.threads import use_one_thread
from isometry.cli.evaluate.recordings import Every, ImageSequence, KittiImages, SevenScenes, Tum, open_recordings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isometry.datasets.rgbd.recording import CameraRecording
    from isometry.depth_egomotion.depth_model import DepthModel
    from isometry.evaluation.depth_egomotion.trivial import ConstantDepth

MODES = ("rgbd", "mono")
METHODS_OF = {"rgbd": ("rgbd", "gicp"), "mono": ("mono",)}


def ego_motion(
    seven_scenes: SevenScenes = None,
    tum: Tum = None,
    kitti_images: KittiImages = None,
    sequence: ImageSequence = None,
    every: Every = 1,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Take out the frames A:B, counted after --every; may be given several times."),
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="rgbd or mono; without it by whether the recording has depth.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Another method of the mode: gicp is the plain one with depth.")
    ] = None,
    trivial: Annotated[bool, typer.Option("--trivial", help="Only what can be said without looking.")] = False,
    camera_height: Annotated[
        float | None,
        typer.Option(min=0.0, help="Metres over the ground: the scale without depth; 0: not known. KITTI's is known."),
    ] = None,
    depth_model: Annotated[
        str | None,
        typer.Option(help="Mono: the depth that a network predicts is a source of scale; a model file, or shipped."),
    ] = None,
    constant_depth: Annotated[
        float | None, typer.Option(help="Its trivial rival: so many metres everywhere are the predicted depth.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the alignment, of OpenCV and of the network.")] = 1,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Errors of the path, of steps and of parts of it, errors inside two sigma, frames at which it was lost, time.

    The path is aligned rigidly with the true one, as it was published, in the odometry alone, and as known in the end.
    Beside are the errors of predictors that do not look: one stands, one goes straight on, one keeps its velocity.
    Walks of one scene are each followed from a new start; figures are over the frames of all.
    """
    use_one_thread()
    with clear_errors():
        from isometry.evaluation.common.provenance import environment, provenance
        from isometry.evaluation.depth_egomotion.following import choose, follow
        from isometry.evaluation.depth_egomotion.measure import (
            ROAD_LENGTHS_M,
            ROOM_LENGTHS_M,
            Judged,
            figures,
            trivial_figures,
        )

        drops = [parse_frames(text) for text in drop or []]
        recordings = open_recordings(seven_scenes, tum, kitti_images, sequence)
        mode = mode_of(recordings, mode)
        name = method_of(mode, method)
        predictor = depth_predictor_of(mode, depth_model, constant_depth, threads)
        chosen = [choose(recording, every, drops) for recording in recordings]
        lengths_m = ROOM_LENGTHS_M if kitti_images is None else ROAD_LENGTHS_M
        without_looking = trivial_figures(chosen, recordings, lengths_m)
        data = " ".join(
            [*(each.name for each in recordings), f"every {every}", *(f"without {each}" for each in drop or [])]
        )
        if trivial:
            if report is not None:
                raise ValueError("--report shows what a method did, and --trivial runs none")
            counts = {"n": sum(len(each.frames) for each in chosen), "lengths_m": lengths_m}
            origin = environment() | {"data": data}
            publish(origin | counts | {"trivial": without_looking}, json_file, unprinted=origin)
            return
        import cv2

        from isometry.depth_egomotion.methods import build
        from isometry.depth_egomotion.parameters import EgoMotionParameters

        cv2.setNumThreads(threads)
        height_m = recordings[0].camera_height_m if camera_height is None else camera_height
        follower = build(name, EgoMotionParameters(camera_height=height_m, threads=threads), predictor)
        walks = []
        for recording, choice in zip(recordings, chosen, strict=True):
            with progress_bar(recording.name) as advance:
                walks.append(Judged(follow(recording, choice, follower, mode == "rgbd", advance), lengths_m))
        result = figures(walks) | {"mode": mode, "camera_height_m": height_m, "trivial": without_looking}
        model, sha256 = (predictor.name, predictor.sha256) if predictor else (follower.name, "no network")
        origin = provenance(f"{data} {mode}", model, sha256)
        if report is not None:
            from isometry.evaluation.depth_egomotion.report import write_report

            write_report(report, result, origin, walks)
        publish(origin | result, json_file, unprinted=origin)


def mode_of(recordings: Sequence[CameraRecording], mode: str | None) -> str:
    """The mode that is asked for, or by default that of the recordings. Raises ValueError for one they do not allow."""
    without_depth = [recording.name for recording in recordings if not recording.has_depth]
    if mode is None:
        return "mono" if without_depth else "rgbd"
    if mode not in MODES:
        raise ValueError(f"--mode {mode}: it must be {' or '.join(MODES)}")
    if mode == "rgbd" and without_depth:
        raise ValueError(f"--mode rgbd: {without_depth[0]} has no depth images")
    return mode


def method_of(mode: str, method: str | None) -> str:
    """The method that is asked for, or by default that of the mode. Raises ValueError for one that is not of it."""
    if method is not None and method not in METHODS_OF[mode]:
        raise ValueError(f"--method {method}: in mode {mode} it must be {' or '.join(METHODS_OF[mode])}")
    return method or METHODS_OF[mode][0]


def depth_predictor_of(
    mode: str, depth_model: str | None, constant_depth_m: float | None, threads: int
) -> DepthModel | ConstantDepth | None:
    """What predicts depth in mode mono: a model file, `shipped`, a constant, or nothing.

    Raises ValueError where both are asked for or depth is measured, and ModelMismatchError for a file that is none.
    """
    from isometry.depth_egomotion.depth_model import DepthModel
    from isometry.evaluation.depth_egomotion.trivial import ConstantDepth

    if depth_model is not None and constant_depth_m is not None:
        raise ValueError("--depth-model and --constant-depth are rivals: give one of them")
    if mode != "mono" and (depth_model is not None or constant_depth_m is not None):
        raise ValueError("--depth-model and --constant-depth are of --mode mono: with depth, the scale is measured")
    if constant_depth_m is not None:
        return ConstantDepth(constant_depth_m)
    if depth_model is None:
        return None
    return DepthModel.load(None if depth_model == "shipped" else Path(depth_model), threads)

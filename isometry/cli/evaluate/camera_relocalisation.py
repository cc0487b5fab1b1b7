"""`isometry evaluate camera-relocalisation`: single images in a map of keyframes of the same room."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.results import Json, publish
from isometry.cli.common.threads import use_one_thread
from isometry.cli.evaluate.recordings import Every, open_folder


def camera_relocalisation(
    map_folder: Annotated[Path, typer.Option("--map", help="Walk with depth in 7-Scenes' or TUM's layout: the map.")],
    queries: Annotated[Path, typer.Option(help="Images of the same room, in the same layouts and the same world.")],
    every: Every = 1,
    json_file: Json = None,
) -> None:
    """Images that are located within 5 and 10 cm, wrong answers that are accepted, errors inside two sigma, time.

    A map of keyframes is made of one recording; each image of the other one, or each K-th with --every, is located by
    itself. Beside it is the pose of the keyframe that looks most like the image.
    """
    use_one_thread()
    with clear_errors():
        from tempfile import TemporaryDirectory

        import cv2

        from isometry.depth_egomotion.map_file import load_map, save_map
        from isometry.depth_egomotion.parameters import EgoMotionParameters
        from isometry.depth_egomotion.pipeline import RgbdEgoMotion
        from isometry.depth_egomotion.relocalisation import locate
        from isometry.evaluation.common.provenance import provenance
        from isometry.evaluation.depth_egomotion.following import choose, follow
        from isometry.evaluation.depth_egomotion.relocalisation import ask, figures, joined, reference_of

        cv2.setNumThreads(1)
        walk, asked = joined(open_folder(map_folder)), open_folder(queries)
        method = RgbdEgoMotion(EgoMotionParameters())
        with progress_bar(f"map of {map_folder.name}") as advance:
            reference = reference_of(follow(walk, choose(walk), method, advance=advance))
        with TemporaryDirectory() as folder:
            save_map(Path(folder) / "map.npz", method.map)
            keyframes = load_map(Path(folder) / "map.npz")
        with progress_bar("locating") as advance:
            answers = ask(asked, lambda frame: locate(keyframes, frame), reference, every, advance)
        data = f"map {map_folder.resolve().name} queries {queries.resolve().name} every {every}"
        origin = provenance(data, method.name, "no network")
        publish(origin | {"keyframes": len(keyframes)} | figures(answers), json_file, unprinted=origin)

"""`isometry evaluate depth`: depth from one image, on recordings with measured depth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isometry.cli.common.arguments import parse_frames
from isometry.cli.common.progress import clear_errors, progress_bar
from isometry.cli.common.providers import Provider, ProviderOptions
from isometry.cli.common.results import Json, Report, publish
from isometry.cli.common.threads import use_one_thread
from isometry.cli.evaluate.recordings import Every, ImageSequence, KittiImages, SevenScenes, Tum, open_recordings

if TYPE_CHECKING:
    from isometry.evaluation.depth.measure import JudgedFrame

CUT_OUT = 5  # frames on which a shift of the cut is measured


def depth(
    seven_scenes: SevenScenes = None,
    tum: Tum = None,
    kitti_images: KittiImages = None,
    sequence: ImageSequence = None,
    scans: Annotated[
        Path | None, typer.Option(help="Scans KKKKKK.bin of --kitti-images, whose calib.txt has Tr: the true depth.")
    ] = None,
    every: Every = 1,
    frames: Annotated[str, typer.Option(help="A:B, which frames are judged.")] = ":",
    model: Annotated[Path | None, typer.Option(help="Another model file than the shipped one.")] = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = "",
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Errors of depth, as it is and scaled by the medians, beside those of what needs no image; one thread.

    constant: the median depth; mean_image: the mean depth of each pixel; both are made of the recording's frames before
    and after those that are judged. Where all are judged, of the same ones, which is in their favour (`reference` says
    which). inside_2_sigma: share of the pixels whose error is below two of the model's standard deviations.
    crop_shift: relative changes of depth where the image is cut out a few pixels further on.
    """
    use_one_thread()
    with clear_errors():
        import cv2
        import numpy as np

        from isometry.depth_egomotion.depth_model import DepthModel
        from isometry.evaluation.common.provenance import provenance
        from isometry.evaluation.depth.crop_shift import crop_shift
        from isometry.evaluation.depth.lidar import LidarDepth
        from isometry.evaluation.depth.measure import TrueDepth, figures, judge, measured_depth
        from isometry.inference import ProviderParameters

        cv2.setNumThreads(1)
        chosen = parse_frames(frames)
        recordings = open_recordings(seven_scenes, tum, kitti_images, sequence)
        truth: TrueDepth = measured_depth
        if scans is not None:
            if kitti_images is None or sequence is None:
                raise ValueError("--scans are the true depth of --kitti-images with --sequence")
            truth = LidarDepth(scans, kitti_images / "sequences" / sequence / "calib.txt")
        network = DepthModel.load(model, 1, ProviderParameters(provider, provider_options))
        judged: list[JudgedFrame] = []
        references = set()
        for recording in recordings:
            every_row = np.arange(len(recording))
            rows = every_row[chosen][::every]
            if len(rows) == 0:
                raise ValueError(f"--frames {frames}: {recording.name} has {len(recording)} frames")
            others = np.setdiff1d(every_row, every_row[chosen])
            references.add("other frames" if len(others) else "the same frames")
            with progress_bar(recording.name) as advance:
                judged += judge(network, recording, rows, others if len(others) else rows, truth, advance)
        result = figures(judged) | {"reference": " and ".join(sorted(references))}
        some = judged[:: max(len(judged) // CUT_OUT, 1)][:CUT_OUT]
        result["crop_shift"] = crop_shift(network, some)
        result["normals"] = "predicted" if network.form.own_normals else "derived from the depth"
        names = " ".join(recording.name for recording in recordings)
        origin = provenance(f"{names} frames {frames} every {every}", network.name, network.sha256)
        if report is not None:
            from isometry.evaluation.depth.report import write_report

            write_report(report, result, origin, judged, network, truth)
        publish(origin | result, json_file, unprinted=origin)

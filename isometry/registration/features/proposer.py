"""Hypotheses from learned features: matches of points, then the poses that many matches support."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isometry.registration.features.encoder import FeatureEncoder, Features
from isometry.registration.features.hypotheses import MatchedPoints, frame_rotations, hypothesise
from isometry.registration.features.matching import FineMatches, Matches, match_features
from isometry.registration.types import Cloud, Hypotheses


class FeatureProposer:
    """A feature network as a source of hypotheses. Clouds are encoded once each (`FeatureEncoder`)."""

    def __init__(self, encoder: FeatureEncoder) -> None:
        self.encoder = encoder
        self.name = encoder.name

    def match(self, target: Cloud, source: Cloud) -> Matches:
        """Matches between the fine points of two clouds, those of the highest score first."""
        a, b = self.encoder.encode(target), self.encoder.encode(source)
        rows = match_features(a, b)
        return Matches(a.points[rows.target], b.points[rows.source], rows.scores.astype(np.float64))

    def propose(self, target: Cloud, source: Cloud) -> Iterator[Hypotheses]:
        """At most 32 transforms, those with most support by matches first. The clouds have the same resolution."""
        a, b = self.encoder.encode(target), self.encoder.encode(source)
        rows = match_features(a, b)
        centres = a.points.mean(axis=0), b.points.mean(axis=0)
        transforms, support = hypothesise(_matched(a, b, rows, centres), rows.scores)
        R, t = transforms[:, :3, :3], transforms[:, :3, 3]
        transforms[:, :3, 3] = t * a.resolution + centres[0] - R @ centres[1]
        yield Hypotheses(transforms, support, self.name)


def _matched(
    target: Features, source: Features, rows: FineMatches, centres: tuple[np.ndarray, np.ndarray]
) -> MatchedPoints:
    rotations = None
    if target.frames is not None and source.frames is not None:
        rotations = frame_rotations(target.frames[rows.target], source.frames[rows.source])
    return MatchedPoints(
        (target.points[rows.target] - centres[0]) / target.resolution,
        (source.points[rows.source] - centres[1]) / target.resolution,
        target.normals[rows.target],
        source.normals[rows.source],
        target.sided and source.sided,
        rotations,
    )

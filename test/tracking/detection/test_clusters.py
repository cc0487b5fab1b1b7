"""Clusters against single linkage over all pairs of points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform

from isometry.tracking.detection.clusters import CELL_METRES, clusters, gathered

ACROSS_A_CELL = CELL_METRES * np.sqrt(2.0)


def single_linkage(points: np.ndarray, links: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = connected_components(
        squareform(pdist(points)) <= np.minimum(links[:, None], links), directed=False
    )[1]
    return numbers


def test_clusters_are_those_of_single_linkage_to_within_a_cell(random: np.random.Generator) -> None:
    points = random.uniform(-20.0, 20.0, (1500, 2))
    links = 0.5 + 0.02 * np.hypot(points[:, 0], points[:, 1])
    found = clusters(points, links)
    together = found[:, None] == found
    surely = single_linkage(points, links - ACROSS_A_CELL)
    assert together[surely[:, None] == surely].all()
    perhaps = single_linkage(points, links + 2.0 * ACROSS_A_CELL)  # a cell bears what the best of its points bears
    assert not together[perhaps[:, None] != perhaps].any()


def test_an_object_whose_points_bear_short_links_only_stays_apart() -> None:
    points = np.array([[0.1, 0.1], [0.9, 0.1], [1.7, 0.1]])
    assert len(set(clusters(points, np.array([1.0, 1.0, 1.0])))) == 1
    assert len(set(clusters(points, np.array([1.0, 1.0, 0.3])))) == 2


def test_height_does_not_count() -> None:
    assert len(set(clusters(np.array([[5.0, 5.0, 0.0], [5.1, 5.0, 9.0]]), np.full(2, 0.4)))) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_no_point_and_one(count: int) -> None:
    assert clusters(np.full((count, 3), -7.0), np.full(count, 0.5)).tolist() == [0] * count


def test_gathered_points_of_a_cluster_follow_one_another(random: np.random.Generator) -> None:
    number = random.permutation(np.repeat(np.arange(5), [3, 1, 4, 2, 6]))
    order, starts = gathered(number)
    assert number[order].tolist() == sorted(number)
    assert starts.tolist() == [0, 3, 4, 8, 10]
    assert [len(each) for each in gathered(np.zeros(0, np.intp))] == [0, 0]

"""A surface laid through a bare set of points, so that it can be rendered as a mesh is."""

from __future__ import annotations

import numpy as np
import open3d
from scipy.spatial import QhullError, cKDTree

from isometry.arrays import Array, Integers

NEIGHBOUR = 6  # the distance to this neighbour of a point, of which the surface bridges a multiple
BRIDGED = (1.5, 2.0, 3.0, 5.0, 8.0)  # the first that leaves few points out is taken: more would fill hollows
ENOUGH = 0.98  # share of the points that lie on the surface


def surface_of_points(points: Array) -> Integers:
    """Triangles (F,3) of points (N,3): their alpha shape. None, (0,3), where the points span no volume.

    Source: Edelsbrunner and Muecke, "Three-dimensional alpha shapes" (1994).
    """
    count = min(NEIGHBOUR, len(points) - 1)
    spacing = float(np.median(cKDTree(points).query(points, count + 1)[0][:, -1]))
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    faces = np.zeros((0, 3), np.int64)
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        try:
            tetrahedra, numbers = open3d.geometry.TetraMesh.create_from_point_cloud(cloud)
        except (RuntimeError, QhullError):
            return faces
        if len(numbers) != len(points):  # points that coincide are merged, and the numbers would not be these
            numbers = list(cKDTree(points).query(np.asarray(tetrahedra.vertices))[1])
        for multiple in BRIDGED:
            mesh = open3d.geometry.TriangleMesh.create_from_point_cloud_alpha_shape(
                cloud, multiple * spacing, tetrahedra, numbers
            )
            found = np.asarray(mesh.triangles)
            if len(found) == 0:
                continue
            faces = np.asarray(cKDTree(points).query(np.asarray(mesh.vertices))[1][found], np.int64)
            if len(np.unique(faces)) >= ENOUGH * len(points):
                break
    return faces

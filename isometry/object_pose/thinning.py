"""Meshes with fewer faces, to be drawn."""

from __future__ import annotations

import numpy as np
import open3d

from isometry.object_pose.mesh import ObjectMesh

FINEST, COARSEST = 256.0, 4.0  # cells of the grid over the diameter
COARSER = 0.8  # from one grid to the next


def thinned(mesh: ObjectMesh, most_faces: int) -> ObjectMesh:
    """The mesh with the vertices of each cell of a grid merged, the finest that leaves at most `most_faces`.

    A mesh that has no more comes back as it is.
    """
    if len(mesh.faces) <= most_faces:
        return mesh
    whole = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(mesh.vertices), open3d.utility.Vector3iVector(mesh.faces.astype(np.int32))
    )
    if mesh.colours is not None:
        whole.vertex_colors = open3d.utility.Vector3dVector(mesh.colours)
    cells = min(FINEST, 2.0 * np.sqrt(most_faces))
    while True:
        thin = whole.simplify_vertex_clustering(mesh.diameter / cells)
        if 0 < len(thin.triangles) <= most_faces or cells < COARSEST:
            break
        cells *= COARSER
    colours = None if mesh.colours is None else np.asarray(thin.vertex_colors)
    faces = np.asarray(thin.triangles).astype(np.int64)
    return ObjectMesh(np.asarray(thin.vertices), faces, colours, mesh.diameter, mesh.from_points)

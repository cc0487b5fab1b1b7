"""A table with objects on it, and colour and depth images of it from a camera that is registered to itself.

Depth has the errors of structured light and stereo: noise and steps that grow with the square of the distance
(Khoshelham and Elberink, "Accuracy and resolution of Kinect depth data", 2012), a smooth distortion, edges that are
some pixels off, and holes at grazing angles, in the shadow of the projector and on what is glossy. The light is
another one than that in which the colours of the objects were taken, and so are exposure and white balance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isometry.arrays import Array, Flags, Integers
from isometry.geometry import se3
from isometry.simulation.sensors.depth_camera import looking
from isometry.simulation.sensors.ray_caster import RayCaster
from isometry.simulation.tabletop.household import HouseholdObject, printed
from isometry.simulation.tabletop.placement import place
from isometry.simulation.worlds.shapes import box, joined, sheet

WIDTH, HEIGHT, FOCAL_PIXELS = 640, 480, 560.0
CAMERA = np.array([[FOCAL_PIXELS, 0.0, 319.5], [0.0, FOCAL_PIXELS, 239.5], [0.0, 0.0, 1.0]])
TABLE_M, FLOOR_M = 1.4, 0.72
NEAREST_M, FARTHEST_M = 0.5, 1.1  # of the camera from the middle of the table
ELEVATIONS_DEG = (22.0, 70.0)
CROWDED_M = 0.06  # radius of the first places, times the root of the number of objects
NOISE_PER_M, STEP_PER_M = 0.0012, 0.0015  # of depth, times its square: deviation, and step of disparity
NOISIER = (0.7, 2.5)  # times the noise: cameras differ
DISTORTION = (0.001, 0.006)  # least and largest standard deviation within an image, shares of the depth
SCALE_ERROR = 0.004  # standard deviation of the depth of an image as a whole, share of it
EDGES_PX = (0.3, 2.0)  # least and largest standard deviation of the pixel that a reading is of
GRAZING_COSINE = 0.12
BASELINE_M = 0.06  # of the projector, to the left of the camera
BACKGROUND = 0  # label
COARSE = 3  # pixels between the rays that measure a silhouette


@dataclass(frozen=True, eq=False)
class Picture:
    """What the camera saw, and what is true."""

    colour: NDArray[np.uint8]  # (H,W,3)
    depth: Array  # (H,W) metres, 0 where nothing was measured
    labels: Integers  # (H,W) 1 + number of the object that is seen
    T_camera_object: Array  # (O,4,4)
    visible: Array  # (O,) share of the silhouette that is seen; what is outside of the image is not
    masks: tuple[Flags, ...]  # (H,W) silhouette of each, also where it is hidden


class Tabletop:
    """Objects on a table, with those left out for which there was no room."""

    def __init__(self, objects: Sequence[HouseholdObject], random: np.random.Generator) -> None:
        poses = place([each.mesh for each in objects], CROWDED_M * np.sqrt(len(objects)), random)
        self.numbers = [k for k, pose in enumerate(poses) if pose is not None]  # of the objects that are there
        self.objects = [objects[k] for k in self.numbers]
        self.T_table_object = [pose for pose in poses if pose is not None]
        step = np.linspace(-TABLE_M / 2.0, TABLE_M / 2.0, 160)
        table = sheet(step, step)
        room = joined([box((6.0, 6.0, 0.1), (0.0, 0.0, -FLOOR_M - 0.1)), box((0.1, 6.0, 3.0), (2.5, 0.0, -FLOOR_M))])
        wood = np.tile(random.uniform(0.15, 0.85, 3), (len(table.vertices), 1))
        if random.random() < 0.5:
            wood = 0.7 * wood + 0.3 * printed(table.vertices, wood, random)
        paint = [wood, np.tile(random.uniform(0.2, 0.7, 3), (len(room.vertices), 1))]
        placed = [joined([each.mesh], T) for each, T in zip(self.objects, self.T_table_object, strict=True)]
        parts = [table, room, *placed]
        self._colours = np.concatenate([*paint, *(each.colours for each in self.objects)])
        self._gloss = np.array([0.0, 0.0, *(each.gloss for each in self.objects)])
        self._part = np.repeat(np.arange(len(parts)), [len(part.triangles) for part in parts])
        whole = joined(parts)
        self._triangles, self._caster = whole.triangles, RayCaster(whole)
        self._alone = [RayCaster(part) for part in placed]

    def viewpoint(self, random: np.random.Generator) -> Array:
        """The pose (4,4) of a camera in the frame of the table that looks at the objects."""
        around, up = random.uniform(0.0, 2.0 * np.pi), np.radians(random.uniform(*ELEVATIONS_DEG))
        away = random.uniform(NEAREST_M, FARTHEST_M)
        towards = np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
        target = np.append(random.uniform(-0.06, 0.06, 2), 0.05)
        return looking(target + away * towards, target, random.normal(0.0, 0.1))

    def picture(self, T_table_camera: Array, random: np.random.Generator) -> Picture:
        """Images from a pose (4,4) in a light that `random` draws."""
        v, u = np.indices((HEIGHT, WIDTH)).reshape(2, -1)
        rays = rays_through(u, v)
        hits = self._caster.meet(T_table_camera, rays)
        met = np.isfinite(hits.distance)
        depth = np.where(met, hits.distance, 0.0)
        part = np.where(met, self._part[np.where(met, hits.triangle, 0)], 1)
        labels = np.where(met & (part > 1), part - 1, BACKGROUND).reshape(HEIGHT, WIDTH)
        points = se3.apply(T_table_camera, rays * depth[:, None])
        towards = -rays @ T_table_camera[:3, :3].T
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        normals = hits.normals * np.sign(np.sum(hits.normals * towards, axis=1, keepdims=True) + 1e-12)
        corners = self._colours[self._triangles[np.where(met, hits.triangle, 0)]]
        weights = np.column_stack([1.0 - hits.weights.sum(axis=1), hits.weights])
        paint = np.einsum("nk,nkc->nc", weights, corners) * met[:, None]
        colour = self._lit(paint, points, normals, towards, self._gloss[part], random)
        masks = tuple(
            np.isfinite(each.meet(T_table_camera, rays).distance).reshape(HEIGHT, WIDTH) for each in self._alone
        )
        seen = np.array([np.sum(mask & (labels == k)) for k, mask in enumerate(masks, start=1)])
        facing = np.abs(np.sum(normals * towards, axis=1)).reshape(HEIGHT, WIDTH)
        T_camera_table = se3.inverse(T_table_camera)
        return Picture(
            _exposed(colour.reshape(HEIGHT, WIDTH, 3), random),
            self._measured(depth.reshape(HEIGHT, WIDTH), points, T_table_camera, facing, part, random),
            labels,
            np.array([T_camera_table @ T for T in self.T_table_object]).reshape(-1, 4, 4),
            np.minimum(seen / np.maximum(self._silhouettes(T_table_camera), 1.0), 1.0),
            masks,
        )

    def _silhouettes(self, T_table_camera: Array) -> Array:
        """Pixels (O,) of the silhouettes of the objects, also of what is outside of the image."""
        v, u = np.mgrid[-HEIGHT : 2 * HEIGHT : COARSE, -WIDTH : 2 * WIDTH : COARSE].reshape(2, -1)
        rays = rays_through(u, v)
        met = [np.isfinite(each.meet(T_table_camera, rays).distance).sum() for each in self._alone]
        return np.array(met) * float(COARSE**2)

    def _lit(
        self, paint: Array, points: Array, normals: Array, towards: Array, gloss: Array, random: np.random.Generator
    ) -> Array:
        """Colours (N,3) in the light of a lamp and of the room, with shadows and reflections."""
        lamp = np.array([*random.uniform(-1.5, 1.5, 2), random.uniform(1.2, 2.2)])
        to_lamp = lamp - points
        to_lamp /= np.linalg.norm(to_lamp, axis=1, keepdims=True)
        starts = points + 1e-3 * normals
        shadow = self._caster.meet_from(starts, lamp - starts).distance < 1.0
        room = random.uniform(0.35, 0.7)
        diffuse = np.clip(np.sum(normals * to_lamp, axis=1), 0.0, None) * ~shadow
        half = to_lamp + towards
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        mirrored = gloss * np.clip(np.sum(normals * half, axis=1), 0.0, None) ** random.uniform(15.0, 60.0) * ~shadow
        return np.asarray(paint * (room + (1.0 - room) * diffuse)[:, None] + mirrored[:, None])

    def _measured(
        self,
        depth: Array,
        points: Array,
        T_table_camera: Array,
        facing: Array,
        part: Integers,
        random: np.random.Generator,
    ) -> Array:
        """Depth (H,W) as a camera measures it."""
        shape = depth.shape
        projector = se3.apply(T_table_camera, np.array([[-BASELINE_M, 0.0, 0.0]]))[0]
        starts = points + 1e-3 * (projector - points)
        dark = (self._caster.meet_from(starts, projector - starts).distance < 1.0).reshape(shape)
        # each reading is one of a pixel nearby: edges are jagged, and some pixels off
        v, u = np.indices(shape)
        wobble = [ndimage.gaussian_filter(random.normal(size=shape), 2.5) for _ in range(2)]
        dv, du = (np.round(each / each.std() * random.uniform(*EDGES_PX)).astype(np.intp) for each in wobble)
        v, u = np.clip(v + dv, 0, shape[0] - 1), np.clip(u + du + random.integers(-1, 2), 0, shape[1] - 1)
        read = depth[v, u]
        smooth = ndimage.zoom(random.normal(size=(5, 6)), (shape[0] / 5, shape[1] / 6), order=3)
        noise = ndimage.gaussian_filter(random.normal(size=shape), 1.2)
        read *= 1.0 + random.uniform(*DISTORTION) * smooth + random.normal(0.0, SCALE_ERROR)
        read += random.uniform(*NOISIER) * NOISE_PER_M * read**2 * noise / noise.std()
        read = 1.0 / (np.maximum(np.round(1.0 / np.maximum(read, 0.1) / STEP_PER_M), 1.0) * STEP_PER_M)
        glossy = self._gloss[part].reshape(shape) * (1.0 + smooth) > random.uniform(0.35, 0.8)
        blind = (facing < GRAZING_COSINE)[v, u] | dark[v, u] | (depth[v, u] == 0.0)
        return np.where(blind | (glossy & (random.random(shape) < 0.7)), 0.0, read)


def rays_through(u: Integers, v: Integers) -> Array:
    """Rays (N,3) with z = 1 through columns (N,) and rows (N,)."""
    return np.column_stack([(u - CAMERA[0, 2]) / FOCAL_PIXELS, (v - CAMERA[1, 2]) / FOCAL_PIXELS, np.ones(u.size)])


def _exposed(colour: Array, random: np.random.Generator) -> NDArray[np.uint8]:
    """Light (H,W,3) as a camera shows it: exposure, white balance, contrast, blur and noise."""
    gain = random.uniform(0.6, 1.5) * random.uniform(0.85, 1.15, 3)
    blurred = ndimage.gaussian_filter(colour * gain, (*[random.uniform(0.4, 1.1)] * 2, 0.0))
    shown = np.clip(blurred, 0.0, 1.0) ** random.uniform(0.75, 1.2) + random.normal(0.0, 0.012, colour.shape)
    return np.asarray(np.round(255.0 * np.clip(shown, 0.0, 1.0)), np.uint8)

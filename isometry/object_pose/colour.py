"""How well poses explain the colours that were seen, in another light and exposure than those of the mesh.

The colours are compared twice. As they are, each channel up to a gain and an offset: this tells a red side from a blue
one. And patch by patch, each up to a gain and an offset of its own: this sees print and edges where light, shadow or a
reflection has changed what is bright and what is dark.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from isometry.arrays import Array
from isometry.object_pose.crop import Crop
from isometry.object_pose.rendering import Renderer

Images = NDArray[np.float32]

PATCH = 4.0  # pixels, standard deviation of the weights in a patch
GRAIN, SHADES = 14.0, 350.0  # pixels that show the same print, and the same shade: each is one piece of evidence
NOISE, CONTRAST = 0.1, 0.03  # of colours 0 to 1: of the shades where the pose is right; least contrast that is print
LARGEST_GAIN = 3.0  # of a channel, between the light on the mesh when it was scanned and now
SHIFT, ROUGH_SHIFT = 1, 3  # pixels by which colours may be off, for a pose that the contour holds and for any other
BATCH = 32  # poses at a time, for the memory


def log_likelihoods(T_camera_object: Array, crop: Crop, renderer: Renderer, exact: bool) -> Array:
    """Logarithms (H,) of the likelihood of the colours for poses (H,4,4), up to a constant of the crop.

    `exact` is that of the observation: without it, the contour does not hold the poses.
    """
    if renderer.mesh.colours is None:
        return np.full(len(T_camera_object), _unexplained(crop))
    shift = SHIFT if exact else ROUGH_SHIFT
    starts = range(0, len(T_camera_object), BATCH)
    return np.concatenate([_batch(T_camera_object[k : k + BATCH], crop, renderer, shift) for k in starts])


def _unexplained(crop: Crop) -> float:
    """Log-likelihood of the colours where no model tells them."""
    variance = crop.colours[crop.inside].var(axis=0).mean()
    return float(-0.5 * crop.inside.sum() / SHADES * np.log(variance + NOISE**2))


def _batch(T_camera_object: Array, crop: Crop, renderer: Renderer, shift: int) -> Array:
    shape = (crop.window.rows, crop.window.columns)
    view = renderer.view(T_camera_object, crop.rays)
    inside = crop.inside.reshape(1, *shape, 1).astype(np.float32)
    seen = view.silhouette.reshape(-1, *shape, 1) * inside
    model = view.colours.reshape(-1, *shape, 3).astype(np.float32)
    image = crop.colours.reshape(1, *shape, 3).astype(np.float32)
    model_details, image_details = _details(model, seen), _details(image, inside)
    moved = _registered(model_details, image_details, shift)
    return _shades(model, image, seen, inside) + _print(model_details, moved, inside)


def _shades(model: Images, image: Images, seen: Images, inside: Images) -> Array:
    """Log-likelihoods (H,) of the colours as they are; a pixel of the mask beside a model is not explained at all."""
    count = np.maximum(seen.sum(axis=(1, 2)), 1.0)

    def mean(values: Images) -> Images:
        return np.asarray((values * seen).sum(axis=(1, 2)) / count)

    model_mean, image_mean = mean(model), mean(image + 0.0 * model)
    covariance = mean(model * image) - model_mean * image_mean
    model_variance, image_variance = mean(model**2) - model_mean**2, mean(image**2 + 0.0 * model) - image_mean**2
    gain = np.clip(covariance / (model_variance + CONTRAST**2), 0.0, LARGEST_GAIN)
    left = (image_variance - 2.0 * gain * covariance + gain**2 * model_variance).mean(axis=1)
    pixels = float(inside.sum())
    whole = (image[0] - (image * inside).sum(axis=(1, 2)) / pixels)[inside[0, ..., 0] > 0].var()
    share = count[:, 0] / pixels
    return np.asarray(-0.5 * pixels / SHADES * np.log(share * left + (1.0 - share) * whole + NOISE**2), np.float64)


def _registered(model: Images, image: Images, shift: int) -> Images:
    """The image (1,R,C,3) moved for each model (H,R,C,3), by up to `shift` pixels, to where they correlate best."""
    spectrum = np.conj(fft.rfft2(model, axes=(1, 2))) * fft.rfft2(image, axes=(1, 2))
    correlation = fft.irfft2(spectrum.sum(axis=3), s=model.shape[1:3], axes=(1, 2))
    steps = np.arange(-shift, shift + 1)
    near = correlation[:, steps[:, None], steps].reshape(len(model), -1)
    down, right = np.divmod(np.argmax(near, axis=1), len(steps))
    return np.stack([np.roll(image[0], (-steps[d], -steps[r]), (0, 1)) for d, r in zip(down, right, strict=True)])


def _print(model: Images, image: Images, inside: Images) -> Array:
    """Information (H,) that the details of models (H,R,C,3) give of those of images (H,R,C,3), in nats.

    In each patch both are taken as normally distributed with a common correlation.
    """
    together = _smooth((model * image).sum(axis=3, keepdims=True))
    of_model, of_image = (_smooth((each**2).sum(axis=3, keepdims=True)) for each in (model, image))
    correlation = together / np.sqrt((of_model + CONTRAST**2) * (of_image + CONTRAST**2))
    information = -0.5 * np.log1p(-(np.clip(correlation, 0.0, 0.99) ** 2))
    return np.asarray((information * inside).sum(axis=(1, 2, 3)) / GRAIN, np.float64)


def _details(images: Images, seen: Images) -> Images:
    """Images (H,R,C,3) without the means of the patches; 0 where they are not seen, (H,R,C,1)."""
    means = _smooth(images * seen) / np.maximum(_smooth(seen), 1e-3)
    return np.asarray((images - means) * seen, np.float32)


def _smooth(images: Images) -> Images:
    """Images (H,R,C,D), each pixel a mean of the patch around it."""
    smoothed: Images = ndimage.gaussian_filter(images, (0.0, PATCH, PATCH, 0.0), truncate=2.0)
    return smoothed

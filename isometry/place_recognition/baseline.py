"""A baseline for the learned descriptor, with the interface of the encoder: Fourier magnitudes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.inference import ProviderParameters
from isometry.place_recognition.encoder import BirdsEyeEncoder, Encoding

FREQUENCIES = 16  # lowest along each axis


class FourierEncoder(BirdsEyeEncoder):
    """Descriptors are Fourier magnitudes: invariant to shifts, not to turns. Features are the network's."""

    def __init__(self, encoder: BirdsEyeEncoder) -> None:
        super().__init__(encoder.model)
        self.descriptor_size = 2 * FREQUENCIES * FREQUENCIES

    @property
    def name(self) -> str:
        """Name of the baseline."""
        return "fourier"

    @property
    def sha256(self) -> str:
        """Of the model, with a prefix, as the memories of baseline and model are not compatible."""
        return f"fourier-{super().sha256}"

    def encode(self, image: NDArray[np.uint8]) -> Encoding:
        """Encode a bird's-eye image (S,S)."""
        return Encoding(fourier_magnitude(image), super().encode(image).features)


def fourier_magnitude(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit vector (512,) of the magnitudes of the lowest frequencies of an image (S,S), without the mean."""
    spectrum = np.abs(np.fft.rfft2(image.astype(np.float32)))
    rows = np.concatenate([spectrum[:FREQUENCIES], spectrum[-FREQUENCIES:]])[:, :FREQUENCIES]
    rows[0, 0] = 0.0
    vector = rows.ravel()
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def load_encoder(model: Path | None, provider: ProviderParameters | None = None) -> BirdsEyeEncoder:
    """The encoder of a model file, by default the shipped one; the baseline for the name `fourier`.

    `provider` runs it; without it the CPU does.
    """
    if model is not None and str(model) == "fourier":
        return FourierEncoder(BirdsEyeEncoder.load(provider=provider))
    return BirdsEyeEncoder.load(model, provider=provider)

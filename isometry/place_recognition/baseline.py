"""The plainest descriptor, behind the encoder's interface: what the learned one has to beat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isometry.place_recognition.encoder import BirdsEyeEncoder, Encoding

FREQUENCIES = 16  # lowest along each axis


class FourierEncoder(BirdsEyeEncoder):
    """The magnitude of the image's Fourier transform: invariant to shifts, not to turns. Local features as ever."""

    def __init__(self, encoder: BirdsEyeEncoder) -> None:
        super().__init__(encoder.model)
        self.descriptor_size = 2 * FREQUENCIES * FREQUENCIES

    @property
    def name(self) -> str:
        """Name of the baseline."""
        return "fourier"

    @property
    def sha256(self) -> str:
        """A memory of this baseline is no memory of the model."""
        return f"fourier-{super().sha256}"

    def encode(self, image: NDArray[np.uint8]) -> Encoding:
        """Encode a bird's-eye image (S,S)."""
        return Encoding(fourier_magnitude(image), super().encode(image).features)


def fourier_magnitude(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit vector (512,) of the magnitudes of the lowest frequencies of an image (S,S), the mean left out."""
    spectrum = np.abs(np.fft.rfft2(image.astype(np.float32)))
    rows = np.concatenate([spectrum[:FREQUENCIES], spectrum[-FREQUENCIES:]])[:, :FREQUENCIES]
    rows[0, 0] = 0.0
    vector = rows.ravel()
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def load_encoder(model: Path | None) -> BirdsEyeEncoder:
    """The encoder of a model file, of the shipped one for None, or the baseline for the name `fourier`."""
    if model is not None and str(model) == "fourier":
        return FourierEncoder(BirdsEyeEncoder.load())
    return BirdsEyeEncoder.load(model)

"""The evidence for a place: how well the scan agrees with it, with other places, and with itself when it is shifted."""

from __future__ import annotations

import numpy as np
from scipy import fft

from isometry.arrays import Array
from isometry.place_recognition.calibration import LARGEST_LEAD, LARGEST_SUPPORT_LEAD
from isometry.place_recognition.contenders import Contender
from isometry.place_recognition.image_alignment import FINE, BlurredImage

# Shifts at which a scan is compared with itself. Shorter ones move it within the width of its own walls
NEAREST_METRES, FURTHEST_METRES = 4.0, 16.0


def evidence_for(best: Contender, rival: Contender | None, image: BlurredImage) -> dict[str, float]:
    """What the confidence is computed from, by name; `image` is that of the observation.

    `agreement`: of the images at the best pose, 0 to 1. `log_support`: logarithm of the matches that agree with it.
    `lead`: of the agreement over the rival's. `support_lead`: of the logarithm. `repetition`: how well the scan agrees
    with itself when it is shifted.
    """
    agreement, log_support = best.planar.agreement, _log(best.planar.supporting)
    rival_agreement, rival_support = (
        (0.0, 0.0) if rival is None else (rival.planar.agreement, _log(rival.planar.supporting))
    )
    return {
        "agreement": agreement,
        "log_support": log_support,
        "lead": min(agreement - rival_agreement, LARGEST_LEAD),
        "support_lead": min(log_support - rival_support, LARGEST_SUPPORT_LEAD),
        "repetition": repetition(image),
    }


def repetition(image: BlurredImage) -> float:
    """The best agreement of a bird's-eye image with itself at a shift of 4 to 16 m: near 1 between two even walls.

    The cosine over the part of both discs that overlaps, for all shifts at once by the Fourier transform (Padfield,
    "Masked object registration in the Fourier domain", 2012).
    """
    grid = image.grid
    size = fft.next_fast_len(grid.size + int(np.ceil(FURTHEST_METRES / grid.cell)), real=True)
    disc = grid.disc().astype(np.float32)
    values = image.blurred(FINE) * disc
    spectra = fft.rfft2(np.stack([values, values * values, disc]), s=(size, size))
    product = _back(spectra[0] * spectra[0].conj(), size)
    energy = _back(spectra[1] * spectra[2].conj(), size)
    shifted_energy = _back(spectra[2] * spectra[1].conj(), size)
    cosine = product / np.sqrt(np.maximum(energy * shifted_energy, 1e-6))
    shift = fft.fftfreq(size, 1.0 / size) * grid.cell
    metres = np.hypot(shift[:, None], shift[None, :])
    return float(cosine[(metres >= NEAREST_METRES) & (metres <= FURTHEST_METRES)].max())


def _back(spectrum: Array, size: int) -> Array:
    image: Array = fft.irfft2(spectrum, s=(size, size))
    return image


def _log(count: int) -> float:
    return float(np.log(max(count, 1)))

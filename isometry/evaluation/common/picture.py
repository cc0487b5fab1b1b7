"""Pictures on a page that needs no other file."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 85  # of JPEG


def picture(pixels: NDArray[np.uint8], text: str) -> str:
    """An image (H,W,3) with a text for those who do not see it."""
    written = BytesIO()
    Image.fromarray(pixels).save(written, format="JPEG", quality=QUALITY)
    data = b64encode(written.getvalue()).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(text)}" style="width: 100%">'

"""Pillow's modes to plain arrays, without loss of bits."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

_LOW_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B"}
"""Raw modes of 16 bits a channel, of which Pillow keeps the high byte: read the other way round they give the low one."""
_SAMPLE_FORMAT, _SIGNED = 339, 2
_BITS = 258


def values_of(image: ImageFile, content: bytes) -> tuple[np.ndarray, list[str]]:
    """((H, W) or (H, W, 3), notices): uint8 of eight bits, uint16, int32, int8 or float32 of others; as written, not turned."""
    if (image.format == "TIFF") and image.mode in ("L", "I") and _needs_sign(image):
        return _by_sample_format(image), []
    if image.mode in ("L", "RGB") and not _sixteen(image) and not image.has_transparency_data:
        return np.asarray(image), []
    if image.mode == "1":
        return np.asarray(image.convert("L")), []
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        return values.astype(values.dtype.newbyteorder("=")), []
    if _sixteen(image):
        return _deep(image, content)
    return _eight_bits(image)


def _needs_sign(image: ImageFile) -> bool:
    """int8 is read by Pillow as if it were uint8, and uint32 as int32."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    signed = tuple(tags.get(_SAMPLE_FORMAT, (1,)))[:1] == (_SIGNED,)
    bits = tuple(tags.get(_BITS, (1,)))[:1]
    return (image.mode == "L" and signed) or (image.mode == "I" and not signed and bits == (32,))


def _by_sample_format(image: ImageFile) -> np.ndarray:
    return np.asarray(image).view(np.int8 if image.mode == "L" else np.uint32)


def _sixteen(image: ImageFile) -> bool:
    """Whether the file has 16 bits in each of several channels."""
    return image.mode in ("RGB", "RGBA") and bool(image.tile) and _raw(image).endswith(tuple(_LOW_BYTE))


def _raw(image: ImageFile) -> str:
    args = image.tile[0].args
    return str(args if isinstance(args, str) else args[0] if args else "")


def _deep(image: ImageFile, content: bytes) -> tuple[np.ndarray, list[str]]:
    """16 bits a channel, which Pillow would cut to the high byte: dark where only twelve are used."""
    raw, grey = _raw(image), _raw(image).startswith("LA")
    if grey:  # two channels of 16 bits are four of eight
        parts = _reread(image, content, "RGBA").astype(np.uint16)
        values = np.stack([parts[..., 0] << 8 | parts[..., 1], parts[..., 2] << 8 | parts[..., 3]], axis=2)
    else:
        low = _reread(image, content, raw[:-3] + _LOW_BYTE[raw[-3:]])
        values = np.asarray(image).astype(np.uint16) << 8 | low
    if values.shape[2] == 3:
        return values, []
    colour, alpha = values[..., :-1].astype(np.float64), values[..., -1:] / 65535.0
    flat = colour[..., 0] if grey else colour
    if alpha.min() == 1:
        return flat.astype(np.uint16), []
    top = max(float(colour.max()), 1.0)
    mixed = np.rint(colour * alpha + top * (1 - alpha)).astype(np.uint16)
    return mixed[..., 0] if grey else mixed, ["transparent parts are laid on white"]


def _reread(image: ImageFile, content: bytes, raw: str) -> np.ndarray:
    """The same file, its bytes taken in another raw mode."""
    with Image.open(io.BytesIO(content), formats=(str(image.format),)) as again:
        again.tile = [
            tile._replace(args=raw if isinstance(tile.args, str) else (raw, *(tile.args or ())[1:]))
            for tile in again.tile
        ]
        return np.asarray(again)


def _eight_bits(image: Image.Image) -> tuple[np.ndarray, list[str]]:
    """Palettes, transparency, inks and other colours as grey or RGB."""
    said: list[str] = []
    grey = image.mode in ("LA", "La") or (image.mode == "L")
    if image.mode in ("CMYK", "LAB", "YCbCr") and image.format != "JPEG" or image.mode == "CMYK":
        said.append(f"colours were turned from {image.mode} to RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            said.append("transparent parts are laid on white")
    return np.asarray(image.convert("L" if grey else "RGB")), said

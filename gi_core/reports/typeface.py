"""The letters of a figure for a paper: the typeface that Pillow ships (Aileron, CC0), which a PDF carries with it.

TrueType tables as in ISO/IEC 14496-22: `cmap` format 4 from character to glyph, `hmtx` advance widths, `head` units per em.
"""

from __future__ import annotations

import struct
import unicodedata
from functools import lru_cache

from PIL import ImageFont

NAME = "Aileron-Regular"
_SPELT = {
    "–": "-",
    "—": "-",
    "−": "-",
    "·": "-",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "σ": "sigma",
    "ε": "epsilon",
    "…": "...",
    "“": '"',
    "”": '"',
    "’": "'",
}


@lru_cache(maxsize=1)
def content() -> bytes:
    """The whole font file."""
    font = ImageFont.load_default(10)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return bytes(font.font_bytes)


def spelt(text: str) -> str:
    """The text in letters that the typeface has; what it lacks is spelt, or stands as a question mark."""
    said = "".join(_SPELT.get(c, c) for c in text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", said) if not unicodedata.combining(c))
    return "".join(c if ord(c) in glyphs() else " " if c.isspace() else "?" for c in plain)


def width(text: str, size: float) -> float:
    """Advance of the text, in units of `size`. text: as `spelt`."""
    return sum(advances()[glyphs()[ord(c)]] for c in text) * size / 1000


def fitted(text: str, size: float, room: float) -> str:
    """The text spelt, cut with an ellipsis where it is wider than `room`."""
    said = spelt(text)
    if width(said, size) <= room:
        return said
    while said and width(said + "...", size) > room:
        said = said[:-1]
    return said.rstrip() + "..." if said else ""


def wrapped(text: str, size: float, room: float, most: int) -> list[str]:
    """The text in lines of that width, `most` at most; the last is cut where there is more."""
    lines: list[str] = []
    rest = spelt(text).split(" ")
    while rest and len(lines) < most - 1:
        taken = 1
        while taken < len(rest) and width(" ".join(rest[: taken + 1]), size) <= room:
            taken += 1
        lines.append(fitted(" ".join(rest[:taken]), size, room))
        rest = rest[taken:]
    return [*lines, fitted(" ".join(rest), size, room)] if rest else lines


@lru_cache(maxsize=1)
def _tables() -> dict[str, bytes]:
    data = content()
    count = struct.unpack_from(">H", data, 4)[0]
    entries = (struct.unpack_from(">4sIII", data, 12 + 16 * k) for k in range(count))
    return {name.decode(): data[at : at + length] for name, _, at, length in entries}


@lru_cache(maxsize=1)
def glyphs() -> dict[int, int]:
    """Unicode character -> glyph."""
    table = _tables()["cmap"]
    for k in range(struct.unpack_from(">H", table, 2)[0]):
        at = struct.unpack_from(">HHI", table, 4 + 8 * k)[2]
        if struct.unpack_from(">H", table, at)[0] == 4:
            return _format_4(table[at:])
    raise ValueError("the typeface of Pillow has no table of characters that is understood")


def _format_4(table: bytes) -> dict[int, int]:
    half = struct.unpack_from(">H", table, 6)[0] // 2
    ends, starts, deltas, offsets = (
        struct.unpack_from(f">{half}H", table, at) for at in (14, 16 + 2 * half, 16 + 4 * half, 16 + 6 * half)
    )
    found: dict[int, int] = {}
    for k in range(half):
        for code in range(starts[k], min(ends[k], 0xFFFE) + 1):
            glyph = code
            if offsets[k]:
                glyph = struct.unpack_from(">H", table, 16 + 6 * half + 2 * k + offsets[k] + 2 * (code - starts[k]))[0]
                if glyph == 0:
                    continue
            found[code] = (glyph + deltas[k]) % 65536
    return found


@lru_cache(maxsize=1)
def advances() -> tuple[float, ...]:
    """Advance width of each glyph, in thousandths of the size."""
    tables = _tables()
    em = struct.unpack_from(">H", tables["head"], 18)[0]
    full = struct.unpack_from(">H", tables["hhea"], 34)[0]
    count = struct.unpack_from(">H", tables["maxp"], 4)[0]
    known = [struct.unpack_from(">H", tables["hmtx"], 4 * k)[0] * 1000 / em for k in range(full)]
    return tuple(known + known[-1:] * (count - full))

"""A grid of pictures as SVG and as PDF. Every pixel is kept: PNG in the one, deflated samples in the other, never JPEG.

PDF as in ISO 32000-1: an image XObject of 8 bits a sample for each picture, letters by glyph (Identity-H) in a typeface that is
inside the file, as publishers ask.
"""

from __future__ import annotations

import zlib
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from gi_core.reports import pictures, typeface
from gi_core.reports.grid import Grid, Words

ENDINGS = (".svg", ".pdf")
POINTS = 72 / 25.4
"""Points of PDF in a millimetre."""


def content(grid: Grid, ending: str) -> bytes:
    """The grid as the bytes of a file with one of `ENDINGS`."""
    return svg(grid).encode() if ending == ".svg" else pdf(grid)


def svg(grid: Grid) -> str:
    """SVG 1.1 in millimetres, pictures as PNG inside."""
    shown = "".join(
        f'<image x="{i.x:.3f}" y="{i.y:.3f}" width="{i.width:.3f}" height="{i.height:.3f}" preserveAspectRatio="none"'
        f' style="image-rendering:pixelated" xlink:href="{pictures.uri(i.pixels)}"/>\n'
        for i in grid.images
    )
    # whatever typeface a viewer has, the words keep their width
    words = "".join(
        f'<text x="{w.x:.3f}" y="{w.y:.3f}" font-size="{w.size}" textLength="{typeface.width(w.text, w.size):.3f}"'
        f' lengthAdjust="spacingAndGlyphs">{escape(w.text)}</text>\n'
        for w in grid.words
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' width="{grid.width:.3f}mm" height="{grid.height:.3f}mm" viewBox="0 0 {grid.width:.3f} {grid.height:.3f}" role="img"'
        f" aria-label={quoteattr(_printable(grid.title))}>\n{shown}"
        f'<g font-family="Helvetica, Arial, sans-serif" fill="#000000">\n{words}</g>\n</svg>\n'
    )


def _printable(text: str) -> str:
    """XML knows no control characters, escaped or not."""
    return "".join(c for c in text if c.isprintable())


def pdf(grid: Grid) -> bytes:
    """PDF 1.4 of one page of just this size."""
    height = grid.height * POINTS
    drawn = [_placed(k, i.x, i.y, i.width, i.height, height) for k, i in enumerate(grid.images)]
    drawn += ["BT 0 g", *(_written(w, height) for w in grid.words), "ET"]
    images = "".join(f"/I{k} {9 + k} 0 R " for k in range(len(grid.images)))
    page = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {grid.width * POINTS:.3f} {height:.3f}] /Contents 4 0 R"
        f" /Resources << /Font << /F 5 0 R >> /XObject << {images}>> >> >>"
    )
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page.encode()]
    objects.append(_stream("", "\n".join(drawn).encode()))
    objects += _font("".join(w.text for w in grid.words))
    objects += [_image(i.pixels) for i in grid.images]
    return _file(objects)


def _placed(number: int, x: float, y: float, width: float, height: float, page: float) -> str:
    return f"q {width * POINTS:.3f} 0 0 {height * POINTS:.3f} {x * POINTS:.3f} {page - (y + height) * POINTS:.3f} cm /I{number} Do Q"


def _written(words: Words, page: float) -> str:
    codes = "".join(f"{typeface.glyphs()[ord(c)]:04X}" for c in words.text)
    return (
        f"/F {words.size * POINTS:.3f} Tf 1 0 0 1 {words.x * POINTS:.3f} {page - words.y * POINTS:.3f} Tm <{codes}> Tj"
    )


def _image(pixels: np.ndarray) -> bytes:
    """8 bits a sample, grey or RGB, deflated; a viewer is told not to smooth it."""
    high, wide, channels = pixels.shape
    space = "/DeviceGray" if channels == 1 else "/DeviceRGB"
    about = f"/Type /XObject /Subtype /Image /Width {wide} /Height {high} /ColorSpace {space} /BitsPerComponent 8 /Interpolate false"
    return _stream(about, np.ascontiguousarray(pixels).tobytes())


def _font(used: str) -> list[bytes]:
    """Objects 5 to 8: the composite font, its descendant, its descriptor, and the font file; with it what a reader copies."""
    name, letters = typeface.NAME, sorted({typeface.glyphs()[ord(c)]: c for c in used}.items())
    widths = " ".join(f"{glyph} [{typeface.advances()[glyph]:.0f}]" for glyph, _ in letters)
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H /DescendantFonts [6 0 R] >>".encode(),
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity)"
        f" /Supplement 0 >> /FontDescriptor 7 0 R /CIDToGIDMap /Identity /DW 500 /W [{widths}] >>".encode(),
        f"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [-200 -250 1100 950] /ItalicAngle 0 /Ascent 900 /Descent -220"
        " /CapHeight 700 /StemV 80 /FontFile2 8 0 R >>".encode(),
        _stream(f"/Length1 {len(typeface.content())}", typeface.content()),
    ]  # fmt: skip


def _stream(about: str, content: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    return f"<< {about} /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    """Header, objects numbered from 1, table of their places, trailer."""
    made, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, one in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n".encode() + one + b"\nendobj\n"
    start = len(made)
    made += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    made += "".join(f"{place:010d} 00000 n \n" for place in places).encode()
    made += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(made)

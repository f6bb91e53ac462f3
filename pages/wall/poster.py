"""The wall as one picture: drawn with Pillow, in the font that it ships with."""

from __future__ import annotations

import io
import textwrap

from PIL import Image, ImageDraw, ImageFont

from gi_core.metrics.registry import METRICS
from gi_core.settings.sweep import Sweep
from pages.shared.pictures import to_image
from pages.shared.result.source import StoredRun
from pages.shared.result.viewer import select
from pages.wall import cell
from pages.wall.layout import Layout

SIDE, GAP, LEFT, TOP, EDGE = 132, 14, 190, 84, 26
LINE = 19
HEAD, ROW, FOOT = 40, SIDE + 2 * LINE + GAP + 4, 60
MOST = 90
"""Letters of a reason that fit into an empty square."""
TONES = {"exposed": "#d55e00", "partly": "#e69f00", "protected": "#0072b2", "": "#8a949e"}
INK, PALE = "#0e1822", "#4e5a66"
MEANS = (
    ("exposed", "exact or seen: a person would see it"),
    ("partly", "traces, or found: a machine finds it"),
    ("protected", "neither seen nor found"),
)


def png(
    sweep: Sweep, found: Layout, cells: dict[tuple[int, int, bool], cell.Cell], source: StoredRun | None, metric: str,
    attackers: tuple[bool, ...],
) -> bytes:  # fmt: skip
    """PNG of the whole table, with what was asked above it and what the signs mean below.

    source: a run that has read the private pictures. attackers: which are shown, by whether they know the defenses.
    """
    columns = [(c, title, knows) for c, title in enumerate(found.columns) for knows in attackers]
    first = TOP + SIDE + HEAD
    height = first + len(found.rows) * ROW + FOOT
    image = Image.new("RGB", (LEFT + len(columns) * (SIDE + GAP) + 2 * EDGE, height), "white")
    pen = ImageDraw.Draw(image)
    pen.text((EDGE, 18), sweep.name, INK, _font(24))
    pen.text((EDGE, 52), _asked(sweep, metric, attackers), PALE, _font(15))
    images = source.originals() if source else None
    if images is not None:
        image.paste(_fitted(to_image(select(images, None))), (EDGE, TOP))
    pen.text((EDGE, TOP + SIDE + 6), "Original", INK, _font(16))
    for place, (_, title, knows) in enumerate(columns):
        knowing = ["knows the defense" if knows else "does not know"] if len(attackers) > 1 else []
        lines = _wrapped(pen, title, 16, SIDE)
        y = first - 10 - LINE * (len(lines) + len(knowing))
        _lines(pen, EDGE + LEFT + place * (SIDE + GAP), y, lines, 16)
        _lines(pen, EDGE + LEFT + place * (SIDE + GAP), y + LINE * len(lines), knowing, 14, PALE)
    for row, title in enumerate(found.rows):
        y = first + row * ROW
        _lines(pen, EDGE, y, _wrapped(pen, title, 16, LEFT - GAP), 16)
        for place, (column, _, knows) in enumerate(columns):
            _cell(image, pen, cells[row, column, knows], EDGE + LEFT + place * (SIDE + GAP), y)
    _legend(pen, height - 40)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _asked(sweep: Sweep, metric: str, attackers: tuple[bool, ...]) -> str:
    knows: dict[tuple[bool, ...], str] = {
        (False,): "the attacker does not know the defenses",
        (True,): "the attacker knows the defenses",
    }
    limit = f" · at most {sweep.base.seconds:g} s an attack" if sweep.base.seconds else ""
    who = knows.get(attackers)
    return f"{METRICS[metric].title}: {METRICS[metric].sentence}{limit}" + (f" · {who}" if who else "")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _wrapped(pen: ImageDraw.ImageDraw, text: str, size: int, width: int) -> list[str]:
    """The text in lines that are no wider."""
    return textwrap.wrap(text, max(8, int(width / max(1.0, pen.textlength("n", _font(size))))))


def _lines(pen: ImageDraw.ImageDraw, x: int, y: int, lines: list[str], size: int, ink: str = INK) -> None:
    for number, line in enumerate(lines):
        pen.text((x, y + number * LINE), line, ink, _font(size))


def _fitted(picture: Image.Image) -> Image.Image:
    """The picture scaled to a square of the wall, enlarged without blur."""
    factor = SIDE / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS)


def _cell(image: Image.Image, pen: ImageDraw.ImageDraw, one: cell.Cell, x: int, y: int) -> None:
    """Picture or an empty square with the reason, a frame in the level's colour, sign, score and word."""
    pixels, tone = one.pixels(), TONES[one.level]
    pen.rectangle((x - 3, y - 3, x + SIDE + 2, y + SIDE + 2), outline=tone, width=3)
    if pixels is None:
        _lines(pen, x + 6, y + 6, _wrapped(pen, one.reason[:MOST] or one.word, 12, SIDE - 12), 12)
    else:
        image.paste(_fitted(to_image(pixels)), (x, y))
    _sign(pen, one.level, x + 8, y + SIDE + LINE - 3)
    score = ", ".join(filter(None, (one.score, one.beside)))
    pen.text((x + 22, y + SIDE + 8), score or one.word, INK, _font(13 if one.beside else 16))
    pen.text((x, y + SIDE + 7 + LINE), one.word if one.score else "", PALE, _font(14))


def _sign(pen: ImageDraw.ImageDraw, level: str, x: int, y: int) -> None:
    """Full, half and empty circle: the signs of the page, which the font lacks."""
    box = (x - 7, y - 7, x + 7, y + 7)
    if level == "exposed":
        pen.ellipse(box, TONES[level])
    elif level == "partly":
        pen.ellipse(box, "white", TONES[level], 2)
        pen.pieslice(box, 90, 270, TONES[level])
    elif level == "protected":
        pen.ellipse(box, "white", TONES[level], 2)
    else:
        pen.line((x - 6, y, x + 6, y), TONES[""], 2)


def _legend(pen: ImageDraw.ImageDraw, y: int) -> None:
    x = EDGE + 8
    for level, text in MEANS:
        _sign(pen, level, x, y + 9)
        pen.text((x + 14, y), text, INK, _font(15))
        x += int(pen.textlength(text, _font(15))) + 50

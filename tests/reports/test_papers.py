"""Figures and tables for a paper: pixels are kept, places hold, text is never a command of LaTeX or of a file format."""

from __future__ import annotations

import base64
import io
import re
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gi_core.jobs.store import Store
from gi_core.reports import grid, grid_files, latex, taken, typeface
from gi_core.reports.parts import Picture
from gi_core.settings import SpecError, build
from tests import pages_fakes as fakes

SVG = "{http://www.w3.org/2000/svg}"
EVIL = r"\input{/etc/passwd} & 5% of $x_1$ #{}~^ <b> \end{table}"


@pytest.fixture
def store(gi_home) -> Store:
    return Store(gi_home)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def rows(channels: int = 3) -> list[list[Picture]]:
    return [
        [Picture("Original", noise(8, 6, channels)), Picture("Answer with noise 0.1", noise(5, 7, channels), "12.3 dB")]
    ] * 2


def streams(document: bytes) -> dict[int, bytes]:
    found = re.finditer(rb"(\d+) 0 obj\n<<(?:(?!endobj).)*?>>\nstream\n(.*?)\nendstream", document, re.DOTALL)
    return {int(m[1]): zlib.decompress(m[2]) for m in found}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pdf_keeps_every_pixel(channels):
    made = grid.grid(rows(channels), 85)
    document = grid_files.pdf(made)
    held = streams(document)
    assert [held[9 + k] for k in range(4)] == [image.pixels.tobytes() for image in made.images]
    assert document.count(b"/Type /Page /Parent") == 1 and b"DCTDecode" not in document
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", document)
    assert float(box[1]) == pytest.approx(85 / 25.4 * 72, abs=0.01)
    assert held[8] == typeface.content()  # the letters are inside


def test_the_table_of_a_pdf_says_where_each_object_is():
    document = grid_files.pdf(grid.grid(rows(), 85))
    places = [int(line[:10]) for line in document.partition(b"xref\n")[2].splitlines()[2:] if line.endswith(b" n ")]
    for number, place in enumerate(places, 1):
        assert document[place:].startswith(f"{number} 0 obj".encode())
    assert document[int(document.split()[-2]) :].startswith(b"xref")


def test_an_svg_keeps_every_pixel_and_leads_nowhere():
    made = grid.grid(rows(), 178)
    text = grid_files.svg(made)
    drawn = ElementTree.fromstring(text)
    held = [image.get("{http://www.w3.org/1999/xlink}href") for image in drawn.iter(SVG + "image")]
    for uri, image in zip(held, made.images, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))
        assert (pixels == image.pixels).all()
    assert (
        drawn.get("width") == "178.000mm" and [t.text for t in drawn.iter(SVG + "text")][1] == "Answer with noise 0.1"
    )


def test_words_are_no_markup_and_stay_within_their_column():
    items = [[Picture(f"{EVIL} äß\u202e\0", noise(4, 4, 3), "≥ 50 dB"), Picture("W" * 200, noise(4, 4, 1))]]
    made = grid.grid(items, 60, title=EVIL + "\0")
    for words in made.words:
        assert words.x + typeface.width(words.text, words.size) <= 60 and words.text.isascii()
    drawn = ElementTree.fromstring(grid_files.svg(made))
    assert "<b>" in drawn.get("aria-label") and not list(drawn.iter(SVG + "b"))
    assert grid_files.pdf(made).startswith(b"%PDF")
    assert typeface.spelt("Prozeß ≥ 5 × Čapek") == "Proze? >= 5 x Capek"


def test_letters_are_those_of_the_typeface():
    from PIL import ImageFont

    font = ImageFont.load_default(100)
    for text in ("PSNR 23.4 dB", "Original", "gaussian noise, std=0.1"):
        kerned = font.getlength(text, features=["-kern"]) if font.layout_engine else font.getlength(text)
        assert typeface.width(text, 100) == pytest.approx(kerned, rel=0.02)


def test_rows_are_private_pictures_and_columns_what_differs(store):
    runs = [
        taken.of_store(store, fakes.run(store, experiment=build({"size": 32, "defenses": [{"kind": "gaussian_noise", "std": s}] if s else []})))
        for s in (0.0, 0.5)
    ]  # fmt: skip
    made = grid.of_runs(runs, 85)
    assert [w.text for w in made.words if w.size == grid.LARGE] == ["Original", "no defense", "gaussian noise std=0.5"]
    assert (made.images[0].pixels == runs[0].originals[0]).all() and len(made.images) == 3
    one = grid.of_runs(runs[:1], 85, difference=True)
    assert len(one.images) == 3 and len(grid.of_runs(runs[:1], 85).images) == 2


@pytest.mark.parametrize(
    ("width", "columns", "said"),
    [(5, None, "20 to 600 mm"), (float("nan"), None, "mm"), (85, 0, "1 to 24"), (85, 99, "1 to 24")],
)
def test_a_figure_that_cannot_be_is_refused(width, columns, said):
    with pytest.raises(SpecError, match=said):
        grid.grid(rows(), width, columns)
    with pytest.raises(SpecError, match="nothing came back"):
        grid.grid([], 85)
    with pytest.raises(SpecError, match="200 pictures at most"):
        grid.grid(rows() * 60, 85)


def whole(text: str) -> None:
    """What LaTeX needs to read a table: braces and environments in pairs, equal columns, no special sign unescaped."""
    plain = re.sub(r"\\[\\{}%&#_$]", "", text)
    assert plain.count("{") == plain.count("}") and plain.count("$") % 2 == 0
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
    kinds = re.search(r"@\{\}([lr]+)@\{\}", text)[1]
    body = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.rstrip().endswith(r"\\")]
    assert lines and {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(kinds) - 1}
    assert not re.search(r"(?<!\\)[#%]", body) and not re.search(r"[^\x00-\x7f]", text)


def test_a_table_of_runs_reads_as_latex(store):
    runs = [
        taken.of_store(store, fakes.run(store)),
        taken.of_store(store, fakes.run(store, experiment=build({"model": {"kind": "mlp"}}))),
    ]
    text = latex.of_runs(runs, EVIL)
    whole(text)
    assert r"Levenberg-Marquardt & LeNet (DLG) & none & 1 & $60.0$" in text and r"\toprule" in text
    assert r"\input" not in text.replace(r"\textbackslash{}input", "")
    with pytest.raises(SpecError, match="judged against its original"):
        latex.of_runs([taken.of_store(store, fakes.run(store, "failed", error="x"))])


def test_a_table_of_a_sweep_reads_as_latex():
    rows = [
        {"position": 1, EVIL: "a & b", "state": "done", "psnr": 23.456, "mse": 3.4e-7, "seconds": 0.25, "ssim": None},
        {"position": 2, EVIL: "c_d", "state": "failed", "psnr": None, "mse": None, "seconds": None, "ssim": None},
    ]
    text = latex.of_sweep(rows, ["position", EVIL, "state", "psnr", "mse", "seconds"], "Noise_1")
    whole(text)
    assert r"a \& b & 1 & $23.5$ & $3.4 \times 10^{-7}$" in text and "c" + r"\_d" not in text and r"Noise\_1" in text
    with pytest.raises(SpecError, match="no experiment"):
        latex.of_sweep(rows[1:], ["position"])

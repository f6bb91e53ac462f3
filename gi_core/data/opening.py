"""Every picture file that a person hands in is opened here, in a format that is named, within bounds.

Without `formats=` Pillow would try all it knows, and one of these runs Ghostscript.
"""

from __future__ import annotations

import hashlib
import io
import logging
import stat
import warnings
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from gi_core.common.errors import SpecError
from gi_core.common.vetting import Bounds, tried
from gi_core.data import formats, pillow_files, windows
from gi_core.data.views import View

for _library in ("PIL", "tifffile", "pydicom"):  # what they remark on damaged files is no line of ours
    logging.getLogger(_library).addHandler(logging.NullHandler())

MAX_FILE_BYTES = 256 * 2**20
LIGHT_PIXELS, LIGHT_BYTES, LIGHT_SCANS = 4_000_000, 8 * 2**20, 64
"""Up to so much a picture is decoded at once: in about a tenth of a second."""
BOUNDS = Bounds(3, 2**30, "give a smaller picture")
KEPT, KEPT_BYTES = 4, 32 * 2**20
"""Pictures that took long are asked for several times in a run: so many of the last are kept, none of them larger."""
_PLAIN = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM", "TGA")
_FOREIGN, _EITHER = ("WEBP", "JPEG2000", "AVIF"), "damaged, cut short or too large: give a smaller picture"
"""Libraries that do not say whether it was the memory."""
_SCAN = b"\xff\xda"


@dataclass(frozen=True)
class Read:
    """A picture file as read. pixels: uint8 (H, W) or (H, W, 3), upright, the rectangle that was asked for.

    written: (width, height) of the whole upright picture in the file; part: of that rectangle, before decoding reduced
    it. notices: what was done to it, one sentence each. shown: the values that are black and white, where a window was
    laid.
    """

    pixels: np.ndarray
    written: tuple[int, int]
    part: tuple[int, int]
    notices: tuple[str, ...] = ()
    shown: tuple[float, float] | None = None


def read_image(path: Path, name: str | None = None, view: View | None = None) -> Read:
    """Open, decode, window, cut. The header is checked before decoding; of several frames the first is taken.

    Transparency is laid on white. Raises SpecError with one sentence.
    """
    name = name or str(path)
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise SpecError(f"{name} is not a file: give a {formats.ALLOWED} file")  # a device or pipe may never end
        if status.st_size > MAX_FILE_BYTES:
            raise SpecError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MB: give a smaller picture")
        if stat.S_ISREG(status.st_mode) and not status.st_size:  # what the system makes up as it is read may never end
            raise SpecError(formats.refused(name))
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise SpecError(f"{name} is a folder: write folder:{name}:KEY for a picture in it") from None
    except OSError as error:
        raise SpecError(f"cannot read {name}: {error.strerror or error}") from None
    return decode(content, name, view or View())


_last: dict[Hashable, Read] = {}


def decode(content: bytes, name: str, view: View = View()) -> Read:  # noqa: B008 - frozen
    """Does what `read_image` does, for bytes. What may take long or much memory is decoded by a child first, within bounds."""
    kind = formats.kind_of(content[: formats.HEADER])
    if kind is None:
        raise SpecError(formats.refused(name))
    if light(content, kind):
        return _decoded(content, kind, name, view)
    mark = (hashlib.sha256(content).hexdigest(), name, view)
    if mark not in _last:
        tried(mark, name, lambda: _decoded(content, kind, name, view), BOUNDS)
        found = _decoded(content, kind, name, view)
        if found.pixels.nbytes > KEPT_BYTES:
            return found
        if len(_last) >= KEPT:
            _last.pop(next(iter(_last)))
        _last[mark] = found
    return replace(_last[mark], pixels=_last[mark].pixels.copy())


def light(content: bytes, kind: str) -> bool:
    """Whether the header shows that decoding takes little time and memory."""
    if kind not in _PLAIN or len(content) > LIGHT_BYTES:
        if kind == "TIFF":
            import tifffile  # noqa: F401 - here, so that no child has to
        elif kind == "DICOM":
            with suppress(ImportError):
                import pydicom.pixels  # noqa: F401
        return False
    if kind == "JPEG" and content.count(_SCAN) > LIGHT_SCANS:
        return False
    try:
        if kind == "WEBP":
            width, height = formats.webp_size(content[:30])
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                    width, height = image.size
    except Exception:  # noqa: BLE001 - refused from the header, and it is said why when it is decoded
        return True
    return width * height <= LIGHT_PIXELS


def _decoded(content: bytes, kind: str, name: str, view: View) -> Read:
    try:
        if kind == "DICOM":
            from gi_core.data import dicom

            values, window, written, notices, inverted = dicom.read(content, name, pillow_files.MAX_PIXELS)
        else:
            (values, written, notices), window, inverted = pillow_files.read(content, kind, name), None, False
        pixels, said, shown = _shown(values, view.window or window, inverted)
        part = (view.crop.width, view.crop.height) if view.crop else written
        return Read(view.cut(pixels, written, name), written, part, (*notices, *said, *_cut(view, written)), shown)
    except SpecError:
        raise
    except MemoryError:
        raise SpecError(f"{name} needs more memory than is allowed for a picture: give a smaller one") from None
    except Exception:  # decoders raise many kinds on damaged files
        reason = "damaged or cut short" if kind not in _FOREIGN or light(content, kind) else _EITHER
        raise SpecError(f"{name} is not a readable picture: this {kind} file is {reason}") from None


def _cut(view: View, written: tuple[int, int]) -> list[str]:
    crop = view.crop
    if crop is None or (crop.width, crop.height) == written:
        return []
    return [f"{crop.width}x{crop.height} of {written[0]}x{written[1]} were chosen, from ({crop.left}, {crop.top})"]


def _shown(
    values: np.ndarray, window: windows.Window | None, inverted: bool
) -> tuple[np.ndarray, list[str], tuple[float, float] | None]:
    """(uint8 pixels, sentences, range of the values that they show or None). inverted: small values are white."""
    if window is None and values.dtype == np.uint8:
        return values, [], None
    window = window or windows.found(values)
    shown = (window.low, window.high)
    if inverted:
        window = windows.Window(window.high, window.low, window.why)
    pixels, outside = windows.apply(values, window)
    if (window.low, window.high, window.why) == (0.0, 1.0, "") and not outside:
        return pixels, [], None
    return pixels, [window.said(outside)], shown

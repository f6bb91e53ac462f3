"""Which picture files are read: their first bytes say it. Nothing is decoded here, so a page may ask it of any file."""

from __future__ import annotations

import struct

ALLOWED = "PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000, AVIF, TGA or DICOM"
"""In words, for whoever gave something else."""
ENDINGS = {
    "PNG": ("png",), "JPEG": ("jpg", "jpeg", "jfif"), "WEBP": ("webp",), "GIF": ("gif",), "BMP": ("bmp",),
    "TIFF": ("tif", "tiff"), "PPM": ("ppm", "pgm", "pbm"), "JPEG2000": ("jp2", "j2k"), "AVIF": ("avif",), "TGA": ("tga",),
    "DICOM": ("dcm",),
}  # fmt: skip
SUFFIXES = frozenset(f".{ending}" for endings in ENDINGS.values() for ending in endings)
TYPES = sorted(suffix[1:] for suffix in SUFFIXES)
"""For a field that takes files."""
HEADER = 4096
"""Bytes from the start of a file that are enough to tell its kind."""
_FIRST = (
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"), (b"BM", "BMP"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"), (b"\xff\x4f\xff\x51", "JPEG2000"),
)  # fmt: skip
_TGA_KINDS = (1, 2, 3, 9, 10, 11)
_TGA_DEPTHS = (8, 16, 24, 32)


def kind_of(head: bytes) -> str | None:
    """The name of the format in `ENDINGS` that these first bytes belong to, or None for anything else.

    A file's name says nothing here: a program called .png stays a program.
    """
    for first, kind in _FIRST:
        if head.startswith(first):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "AVIF"
    if head[4:8] == b"ftyp" and head[8:12] in (b"mif1", b"msf1") and b"avif" in head[16:64]:
        return "AVIF"
    if head[128:132] == b"DICM":
        return "DICOM"
    if len(head) > 8 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#":
        return "PPM"
    return "TGA" if _tga(head) else None


def _tga(head: bytes) -> bool:
    """Truevision's files begin with no name: every field of the header has to make sense."""
    if len(head) <= 18:
        return False
    _, mapped, kind, _, colours, entry, _, _, width, height, depth, flags = struct.unpack_from("<BBBHHBHHHHBB", head)
    if kind not in _TGA_KINDS or depth not in _TGA_DEPTHS or not (width and height) or flags & 0xC0:
        return False
    if kind in (1, 9):
        return mapped == 1 and entry in (15, 16, 24, 32) and 0 < colours <= 256 and depth == 8
    return mapped == 0 and (colours, entry) == (0, 0) and (depth in (8, 16) if kind in (3, 11) else depth > 8)


def webp_size(head: bytes) -> tuple[int, int]:
    """(width, height) of a WebP file: its decoder takes memory for all of it before anybody can ask. (0, 0) if unknown."""
    part = head[12:16]
    if part == b"VP8X" and len(head) >= 30:
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if part == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if part == b"VP8 " and len(head) >= 30:
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0


def refused(name: str) -> str:
    """The sentence for a file that is no picture."""
    return f"{name} is not a readable picture: give a {ALLOWED} file"

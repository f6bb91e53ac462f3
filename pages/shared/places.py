"""Where the pages' own files lie."""

from __future__ import annotations

from pathlib import Path

PAGES = Path(__file__).resolve().parents[1]
WEB = PAGES / "web"
"""Scripts and styles."""
ASSETS = PAGES.parent / "assets"

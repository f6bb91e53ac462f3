"""An HTML document as PDF, by the system's Chromium in a process of its own, without network and for a bounded time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from gi_core.settings import SpecError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
SECONDS = 90
AT_ONCE = 2
"""Browsers at a time, whoever asks: each takes some hundred megabytes."""
DRAWING_MS = 20_000
"""Milliseconds of the page's own clock in which its figures are drawn; they pass as fast as the machine allows."""
_turn = threading.BoundedSemaphore(AT_ONCE)


def browser() -> str:
    """The program that prints: `BROWSER_PATH`, or the first of `BROWSERS`. Raises SpecError with how to get one."""
    for name in (os.environ.get("BROWSER_PATH") or "", *BROWSERS):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise SpecError(
        "a PDF is printed by Chromium, and there is none here: install it (apt install chromium), set BROWSER_PATH to one, or"
        " take the HTML and print it in your browser"
    )


def lacking() -> str:
    """Why nothing prints a PDF here; "" where something does."""
    try:
        browser()
    except SpecError as error:
        return str(error)
    return ""


def print_pdf(document: str, seconds: float = SECONDS) -> bytes:
    """The document as PDF bytes. Raises SpecError where there is no browser, or it takes longer than that."""
    program = browser()
    if not _turn.acquire(timeout=seconds):
        raise SpecError("other files are being printed: try again in a minute, or take the HTML")
    try:
        with tempfile.TemporaryDirectory(prefix="gi_print_") as folder:
            return _print(program, document, Path(folder), seconds)
    finally:
        _turn.release()


def _print(program: str, document: str, folder: Path, seconds: float) -> bytes:
    page, target = folder / "page.html", folder / "page.pdf"
    page.write_text(document, "utf-8")
    command = [
        program, "--headless=new", "--disable-gpu", "--disable-extensions", "--disable-background-networking", "--disable-sync",
        "--no-first-run", "--disable-component-update", "--no-pdf-header-footer", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}", f"--virtual-time-budget={DRAWING_MS}", f"--print-to-pdf={target}",
        *(["--no-sandbox"] if _root() else []), page.as_uri(),
    ]  # fmt: skip
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise SpecError(f"cannot start {program}: {error.strerror}; set BROWSER_PATH to a Chromium") from None
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise SpecError(f"the browser did not print within {seconds:.0f} s: take the HTML and print it") from None
    finally:
        _end(process)
    made = target.read_bytes() if target.is_file() else b""
    if not made.startswith(b"%PDF"):
        raise SpecError(
            "the browser printed nothing: take the HTML and print it, or set BROWSER_PATH to another Chromium"
        )
    return made


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser and the processes that it started, which form a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _root() -> bool:
    """Chromium refuses to run its sandbox for root; what it prints here is a document of ours that loads nothing."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def pages(content: bytes) -> int:
    """How many pages a PDF of Chromium has: its page objects, which it writes uncompressed."""
    return (
        content.count(b"/Type /Page\n")
        + content.count(b"/Type /Page/")
        + content.count(b"/Type /Page ")
        + content.count(b"/Type /Page>")
    )

"""Take the pictures of README from the running dashboard: `python assets/readme/take.py`.

It plays the lab's first example on a store of its own, and photographs the result in both colour schemes. It needs
Chromium and what requirements-dev.txt installs.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gi_core.settings.presets import presets  # noqa: E402
from tests.browser.conftest import ARGS, CHROMIUM, free_port, served  # noqa: E402

WINDOW = {"width": 1280, "height": 772}
COLOURS, MOST_BYTES = 256, 300_000
SECONDS = 180
_READY = "() => !document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')"


def opened(browser: Browser, url: str, scheme: str) -> Page:
    """A page of its own in that colour scheme."""
    page = browser.new_context(viewport=WINDOW, color_scheme=scheme).new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.goto(url)
    return page


def play(browser: Browser, url: str) -> str:
    """Click the first example and wait for its end; the address of the run."""
    page = opened(browser, url, "light")
    page.get_by_role("button", name=presets()[0].title).click()
    page.locator(".gi-state.gi-done").wait_for()
    return page.url


def photograph(browser: Browser, url: str, scheme: str) -> bytes:
    """The finished run as a PNG of at most 256 colours."""
    page = opened(browser, url, scheme)
    page.locator(".gi-state.gi-done").wait_for()
    page.locator(".st-key-viewer .reconstruction .big:not([hidden])").wait_for()
    page.wait_for_function(_READY)
    page.wait_for_timeout(4000)  # pictures fade in, and charts are drawn after them
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    kept = io.BytesIO()
    picture.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def main() -> None:
    """Write `lab-light.png` and `lab-dark.png`, each below 300 kB."""
    if CHROMIUM is None:
        raise SystemExit("error: Chromium is needed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as home, served(Path(home), free_port()) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        run = play(browser, server.url)
        for scheme in ("light", "dark"):
            content = photograph(browser, run, scheme)
            if len(content) > MOST_BYTES:
                raise SystemExit(
                    f"error: the picture has {len(content)} bytes, {MOST_BYTES} at most: make WINDOW smaller"
                )
            (HERE / f"lab-{scheme}.png").write_bytes(content)
            print(f"lab-{scheme}.png: {len(content)} bytes")
        browser.close()


if __name__ == "__main__":
    main()

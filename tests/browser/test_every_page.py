"""Every page fits its window, tells where one is, and can be hit with a finger."""

from __future__ import annotations

import time

import pytest

from tests.browser.conftest import PATIENCE, expect

pytestmark = pytest.mark.browser
PAGES = (
    "",
    "lessons",
    "runs",
    "rank",
    "influence",
    "federation",
    "updates",
    "frontier",
    "wall",
    "sweeps",
    "reproductions",
    "words",
)
GROUPS = {
    "rank": "Explain", "influence": "Explain", "words": "Explain", "deployment": "Deployment", "federation": "Deployment", "updates": "Deployment", "frontier": "Compare",
    "wall": "Compare", "sweeps": "Compare", "reproductions": "Compare",
}  # fmt: skip
_OVER = """() => {
  const wide = [], main = document.querySelector('.stMain');
  const shown = e => { const r = e.getBoundingClientRect(); return r.width > 1 && r.height > 1; };
  for (const e of main.querySelectorAll('*')) {
    if (!shown(e) || e.getBoundingClientRect().right <= innerWidth + 1) continue;
    let box = e.parentElement, held = false;
    while (box && box !== main && !held) {
      held = ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(box).overflowX)
        && box.getBoundingClientRect().right <= innerWidth + 1;
      box = box.parentElement;
    }
    if (!held) wide.push(e.tagName + ' ' + (e.innerText || e.getAttribute('aria-label') || '').slice(0, 40));
  }
  if (document.documentElement.scrollWidth > innerWidth) wide.push('the page: ' + document.documentElement.scrollWidth);
  return wide;
}"""
_SMALL = """() => {
  const found = [];
  for (const e of document.querySelectorAll('.stMain a[href], .stMain button, .stMain summary, .stMain label:has(input)')) {
    const r = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!r.width || !r.height || style.visibility === 'hidden' || style.opacity === '0') continue;
    if (style.display === 'inline' && e.closest('p')) continue;  // a link in a sentence is exempt
    if (r.width < 23.5 || r.height < 23.5)
      found.push(`${e.tagName} ${(e.getAttribute('aria-label') || e.innerText || '').slice(0, 40)} ${r.width}x${r.height}`);
  }
  return found;
}"""


_CUT = """() => [...document.querySelectorAll('.stMain button')].filter(e => e.offsetWidth && e.checkVisibility())
  .filter(e => [e, ...e.querySelectorAll('*')].some(x => x.scrollWidth > x.clientWidth + 1 && x.clientWidth
    && getComputedStyle(x).textOverflow === 'ellipsis')).map(e => e.textContent)"""


def ready(page, name: str) -> None:
    page.locator("h1.gi-title").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")


def settled(page, script: str) -> list[str]:
    """What the script finds once charts and tables have taken their size, which they do after the page is drawn."""
    until = time.monotonic() + PATIENCE
    while (found := page.evaluate(script)) and time.monotonic() < until:
        page.wait_for_timeout(500)
    return found


WINDOWS = [
    (390, "dark"),
    *(pytest.param(*window, marks=pytest.mark.slow) for window in ((1024, "light"), (1400, "dark"))),
]  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_every_page_fits_its_window(server, tab, width, scheme):
    """Nothing is wider than the window and no label is cut; on a phone every target is 24 by 24 CSS pixels at least (WCAG
    2.2, 2.5.8). Where the navigation stands in a row, it marks the group that one is in.
    """
    for name in PAGES:
        page = tab("/" + name, viewport={"width": width, "height": 900}, color_scheme=scheme)
        ready(page, name)
        assert settled(page, _OVER) == [], name or "lab"
        assert page.evaluate(_CUT) == [], name or "lab"
        if width == 390:
            assert page.evaluate(_SMALL) == [], name or "lab"
        if width == 1400:
            _marked(page, name)
        page.context.close()


def _marked(page, name: str) -> None:
    marked = page.locator('[data-testid="stTopNavSection"][aria-current="true"]')
    expect(marked).to_have_text(
        [GROUPS[name]] if name in GROUPS else []
    )  # a script marks it once the page has been drawn


def test_the_wall_is_not_cut_on_the_right(server, tab):
    """It scrolls inside itself only where its pictures would be too small to see."""
    for width in (1400, 1024):
        page = tab("/wall", viewport={"width": width, "height": 900})
        page.locator(".gi-wall table").wait_for()
        page.wait_for_timeout(500)
        inside = page.locator(".gi-wall").evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert inside[0] <= inside[1] + 1, (width, inside)
        page.context.close()

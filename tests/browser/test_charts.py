"""Charts in a browser: what a person did to one outlives new data, nothing else on the page moves, and each has words."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from gi_core.jobs.job import Point
from tests import pages_fakes as fakes
from tests.browser.conftest import axe, expect, free_port, served

pytestmark = pytest.mark.browser
_LOSS = ".st-key-chart_loss .gi-plot"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Without workers: the test plays the worker's part, at its own pace."""
    with served(tmp_path_factory.mktemp("home"), free_port(), program="tests.browser.still") as found:
        yield found


def points(start: int, stop: int) -> list[Point]:
    """Points of a run whose loss falls."""
    return [
        Point(k, 0.1 * k, 1e-3, {"total": 2.0 * 0.99**k, "gradient": 1.5 * 0.99**k, "total_variation": 0.1}, [1.0], 0, 10 + 0.1 * k, 0.5)
        for k in range(start, stop)
    ]  # fmt: skip


@pytest.fixture
def live(server):
    """(a run that goes on, a function that adds points to it)."""
    run = fakes.run(server.store, "queued")
    out = fakes.writer(server.store)
    out.take(run)
    out.folder(run)

    def more(start: int, stop: int) -> None:
        out.record(
            run,
            {"stage": "attacking", "iteration": stop, "iterations": 1000, "residual": {"conv.weight": 0.5}},
            points(start, stop),
        )

    more(1, 60)
    yield run, more
    out.finish(run, "cancelled", None, "stopped")


def drawn(page, least: int) -> None:
    """Wait until the loss has so many points."""
    page.wait_for_function(f"n => document.querySelector('{_LOSS}')?.data?.[0]?.x?.length >= n", arg=least)


def test_zoom_hidden_lines_and_hover_outlive_new_data(server, tab, live):
    run, more = live
    page = tab(f"/?run={run}")
    page.locator(f"{_LOSS} .main-svg").first.wait_for()
    drawn(page, 59)
    page.evaluate(f"window.first = document.querySelector('{_LOSS}')")
    plot = page.locator(f"{_LOSS} .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function(f"() => document.querySelector('{_LOSS}').layout.xaxis.autorange === false")
    zoomed = page.evaluate(f"() => document.querySelector('{_LOSS}').layout.xaxis.range")
    page.locator(f"{_LOSS} .legendtoggle").nth(1).click()
    page.wait_for_function(f"() => document.querySelector('{_LOSS}').data[1].visible === 'legendonly'")
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.locator(f"{_LOSS} .hoverlayer .hovertext, {_LOSS} .hoverlayer .legend").first.wait_for()
    for stop in (90, 120):
        more(stop - 30, stop)
        drawn(page, stop - 1)
    assert page.evaluate(f"window.first === document.querySelector('{_LOSS}')"), (
        "the same chart, not another in its place"
    )
    assert page.evaluate(f"() => document.querySelector('{_LOSS}')._fullLayout.xaxis.range") == zoomed
    assert page.evaluate(f"() => document.querySelector('{_LOSS}').data[1].visible") == "legendonly"
    page.wait_for_function(f"() => document.querySelectorAll('{_LOSS} .hoverlayer > *').length > 0", timeout=3000)
    assert page.watch.errors == [] and page.watch.foreign == []


def picture(page) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"), int)


def settled(page) -> np.ndarray:
    """The page once nothing of it has changed for two seconds: what is not live comes late on a busy machine."""
    before, still = picture(page), 0
    while still < 4:
        page.wait_for_timeout(500)
        now = picture(page)
        still = 0 if (np.abs(now - before) > 24).sum() >= 50 else still + 1
        before = now
    return before


def test_new_data_changes_nothing_but_curves(server, tab, live):
    """Screenshots while points come: what changes lies inside the charts' curves, axes and the status line, never between."""
    run, more = live
    page = tab(f"/?run={run}", viewport={"width": 1440, "height": 1900})
    page.locator(f"{_LOSS} .main-svg").first.wait_for()
    drawn(page, 59)
    page.mouse.move(5, 5)
    before = settled(page)
    inside = [page.locator(f".st-key-{name} .gi-plot").bounding_box() for name in ("chart_loss", "chart_likeness")]
    told = page.locator(".gi-state").first.bounding_box()
    for k in range(1, 6):
        more(30 + 30 * k, 60 + 30 * k)
        page.wait_for_timeout(300)
        now = picture(page)
        changed = np.abs(now - before) > 24
        blank = [
            now[int(b["y"]) : int(b["y"] + b["height"]), int(b["x"]) : int(b["x"] + b["width"])].std() for b in inside
        ]
        assert min(blank) > 5, "a chart was empty for a moment"
        changed[int(told["y"]) - 2 : int(told["y"] + told["height"]) + 18] = (
            False  # iteration and seconds in words, and their bar
        )
        for b in inside:
            changed[int(b["y"]) : int(b["y"] + b["height"]) + 1, int(b["x"]) : int(b["x"] + b["width"]) + 1] = False
        assert changed.sum() < 50, (
            f"{changed.sum()} pixels outside the charts changed: {np.argwhere(changed)[:4].tolist()}"
        )
        before = now


def test_a_chart_has_words_takes_the_pages_ground_and_is_saved_with_its_settings(server, tab, live, tmp_path):
    run, _ = live
    page = tab(f"/?run={run}", color_scheme="light")
    page.locator(f"{_LOSS} .main-svg").first.wait_for()
    expect(page.get_by_role("img", name="Loss terms over the iterations")).to_have_count(1)
    colour = f"() => document.querySelector('{_LOSS}').data[0].line.color"
    assert page.evaluate(colour) == "#0072B2"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => document.querySelector('{_LOSS}').data[0].line.color === '#2F8FD0'")
    page.locator(_LOSS).hover()
    with page.expect_download() as waiting:
        page.locator(".st-key-chart_loss .gi-tools .svg").click()
    waiting.value.save_as(tmp_path / "losses.svg")
    svg = (tmp_path / "losses.svg").read_text()
    assert 'width="760"' in svg and "rgb(14, 24, 34)" in svg, "for paper: at one width, dark letters on white"
    assert "Loss: what the server sees" in svg and "bundled/astronaut" in svg and "levenberg_marquardt" in svg


def test_the_script_comes_once_and_is_kept(server, tab):
    page = tab("/rank")
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "/gi/plotly-" in r.url else None)
    page.locator(".st-key-rank_chart .main-svg").first.wait_for()
    assert axe(page) == []
    page.goto(server.url + "/frontier")
    page.locator(".st-key-frontier_chart .main-svg").first.wait_for()
    answer = page.request.get(server.url + "/" + _address(), headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["cache-control"] and answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript") and "content-security-policy" in answer.headers
    assert len(set(asked)) <= 1
    assert page.watch.foreign == [] and page.watch.errors == []


def _address() -> str:
    from pages.shared.plotting import ADDRESS

    return ADDRESS


def test_a_click_on_the_frontier_looks_at_the_setting(server, tab):
    page = tab("/frontier")
    page.locator(".st-key-frontier_chart .main-svg").first.wait_for()
    page.locator(".st-key-frontier_chart .gi-plot").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # a legend of several rows makes the chart higher once it is drawn
    chart = "document.querySelector('.st-key-frontier_chart .gi-plot')"
    place = page.evaluate(f"""() => {{
      const gd = {chart}, t = gd.data.find(t => t.customdata?.[0][0].startsWith('pruning'));
      const box = gd.querySelector('.nsewdrag').getBoundingClientRect(), l = gd._fullLayout;
      return {{x: box.x + l.xaxis.d2p(t.x[0]), y: box.y + l.yaxis.d2p(t.y[0]), name: t.customdata[0][0]}};
    }}""")
    page.mouse.move(place["x"], place["y"], steps=3)
    page.locator(".st-key-frontier_chart .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(place["x"], place["y"])
    page.wait_for_function(
        "name => { const e = document.querySelector('.st-key-frontier_setting');"
        " return e.innerText.includes(name) || e.querySelector('input')?.value === name; }",
        arg=place["name"],
    )
    for width in (1440, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(1000)  # the chart follows the window
        boxes = page.evaluate(f"""() => [...{chart}.querySelectorAll('.main-svg text')].filter(e => e.textContent.trim())
          .map(e => e.getBoundingClientRect()).filter(r => r.width).map(r => [r.left, r.top, r.right, r.bottom])""")
        hidden = [(a, b) for a, b in itertools.combinations(boxes, 2) if _overlap(a, b)]
        assert len(boxes) > 15 and not hidden, (width, hidden)


def _overlap(a, b) -> bool:
    """Whether two boxes (left, top, right, bottom) have more than an edge in common."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1

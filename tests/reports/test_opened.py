"""A report in a fresh browser without network: its pictures and figures are there, nothing is asked of anybody, nothing is refused."""

from __future__ import annotations

import shutil

import pytest

from gi_core.jobs.store import Store
from gi_core.reports import analyses, pdf, runs, taken, writing
from gi_core.settings.drawings import drawing
from gi_core.settings.networks import LeNet
from tests import pages_fakes as fakes

BROWSER = next(filter(None, map(shutil.which, pdf.BROWSERS)), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """open(path, **context) -> a page of a new profile that is offline; `asked` and `told` are what it asked for and complained of."""
    contexts = []

    def open_(path, **options):
        context = chromium.new_context(offline=True, **{"viewport": {"width": 1024, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.asked, page.told = [], []
        page.on("request", lambda r: page.asked.append(r.url))
        page.on("console", lambda m: page.told.append(m.text))
        page.on("pageerror", lambda e: page.told.append(str(e)))
        page.goto(path.as_uri())
        page.wait_for_function("() => document.documentElement.dataset.drawn")
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def report(gi_home, tmp_path):
    store = Store(gi_home)
    ids = [fakes.run(store), fakes.run(store, title="<b>Another</b>", seed=1)]
    return writing.write([taken.of_store(store, one) for one in ids], tmp_path / "report.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_network(report, opened, scheme):
    page = opened(report, color_scheme=scheme)
    assert [url for url in page.asked if not url.startswith("data:")] == [report.as_uri()] and page.told == []
    assert page.locator(".pictures img").evaluate_all("all => all.every((i) => i.complete && i.naturalWidth === 32)")
    page.locator(".chart svg.main-svg").first.wait_for()
    assert page.locator(".chart").count() == 2 and page.locator(".chart .scatterlayer .trace").count() >= 4
    ground = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 21, 26)"}[scheme]


def test_its_figures_answer_and_turn_with_the_scheme(report, opened):
    page = opened(report, color_scheme="light")
    before = page.locator(".chart .xtick text").first.evaluate("e => getComputedStyle(e).fill")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => getComputedStyle(document.querySelector('.chart .xtick text')).fill !== '{before}'")
    page.locator(".chart .nsewdrag").first.hover()
    page.wait_for_function("() => document.querySelector('.hoverlayer').textContent.includes('total')")


def test_a_telephone_shows_all_of_it(report, opened):
    page = opened(report, viewport={"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_it_can_be_read_by_everybody(report, opened):
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        found = Axe().run(
            opened(report, color_scheme=scheme, bypass_csp=True),
            options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
        )
        assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found.response["violations"]] == []


def test_a_script_that_is_not_its_own_does_not_run(report, opened):
    changed = report.read_text().replace("</main>", "<script>document.title = 'owned'</script></main>")
    report.write_text(changed)
    page = opened(report)
    assert page.title() != "owned" and any("Content Security Policy" in text for text in page.told)


def test_an_analysis_opens_likewise(tmp_path, opened):
    from gi_core.analysis.rank import count

    document = count(drawing(LeNet(), (3, 32, 32), 10), "lenet").to_json()
    page = opened(writing.write(analyses.rank(document), tmp_path / "rank.html"))
    page.locator(".chart svg.main-svg").first.wait_for()
    assert page.told == [] and page.locator("tbody tr").count() == len(document["layers"])


def test_a_printed_report_has_its_figures(gi_home):
    store = Store(gi_home)
    found = runs.report([taken.of_store(store, fakes.run(store))])
    made = writing.content(found, ".pdf")
    assert pdf.pages(made) >= 2 and len(made) > 30_000

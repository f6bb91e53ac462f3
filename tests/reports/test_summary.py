"""The page for a decision maker: it fails closed, fits one page whatever it has to say, and withholds what is withheld."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from gi_core.jobs.store import Store
from gi_core.reports import pdf, summary, taken
from gi_core.reports.parts import SIGNS, Picture
from gi_core.reports.summary import Summary, html_summary
from gi_core.settings import SpecError, build
from tests import pages_fakes as fakes

CHROMIUM = pytest.mark.skipif(not any(map(shutil.which, pdf.BROWSERS)), reason="needs Chromium")
LONG = Summary(
    title="W" * 400, asked="word " * 300, level="exposed", head="Head " * 60, how_bad="bad " * 300, how_sure=["sure " * 200] * 9,
    helps=["help " * 200] * 9, limits=["limit " * 200] * 9, pictures=[Picture("P" * 90, np.zeros((8, 64, 3), np.uint8))] * 4,
    source="0" * 200,
)  # fmt: skip


@pytest.fixture
def store(gi_home) -> Store:
    return Store(gi_home)


def of(store: Store, *ids: str, truth: bool = True) -> Summary:
    return summary.of_runs([taken.of_store(store, one, truth) for one in ids])


def test_it_says_how_bad_how_sure_and_what_not(store):
    found = of(store, fakes.run(store))
    page = html_summary(found)
    assert found.level == "exposed" and "nobody could tell the copy from the original" in found.how_bad
    assert "1 picture in 1 run" in page and "Not measured: LPIPS" in page and page.count("data:image/png") == 2
    assert SIGNS["exposed"] in page and "not a certificate" in page


def test_what_is_not_known_is_not_called_good(store):
    failed = of(store, fakes.run(store, "failed", error="the disk is full"))
    hidden = of(store, fakes.run(store), truth=False)
    for found in (failed, hidden):
        assert found.level == "unknown" and found.head.startswith("Not known")
    assert "the disk is full" in failed.how_bad
    assert html_summary(hidden).count("data:image/png") == 1 and "60.0" not in html_summary(hidden)


def test_what_was_not_recovered_is_no_proof(store):
    run = taken.of_store(store, fakes.run(store))
    run.result["per_image"][0].update(mse=0.2, psnr=7.0, ssim=0.1, iip_rank=90)
    found = summary.of_runs([run])
    assert found.level == "protected" and "no proof" in found.head
    assert any("proves no protection" in said for said in found.limits)
    page = re.sub(r"<style>.*?</style>", "", html_summary(found), flags=re.S).lower()
    assert not re.search(r"\bsafe\b|\bsecure\b", page)


def test_what_helps_names_the_defense_and_its_guarantee(store):
    asked = build({"size": 32, "defenses": [{"kind": "gaussian_noise", "std": 0.1}]})
    run = taken.of_store(store, fakes.run(store, experiment=asked))
    effect = {
        "kind": "gaussian_noise",
        "norm_before": 1.0,
        "norm_after": 1.1,
        "relative_change": 0.3,
        "cosine": 0.9,
        "zeros": 0.0,
    }
    run.result["defenses"] = [effect]
    said = " ".join(summary.helps([run]))
    assert "Gaussian noise changed the update by 30 %" in said and "no guarantee" in said
    assert "did not know the defense" in said and "did not stop this attack" in said
    assert "No defense was used" in " ".join(summary.helps([taken.of_store(store, fakes.run(store))]))


def test_no_run_is_refused():
    with pytest.raises(SpecError, match="one run or more"):
        summary.of_runs([])


@CHROMIUM
def test_it_is_one_page_however_much_there_is_to_say(store):
    for found in (LONG, of(store, fakes.run(store))):
        made = pdf.print_pdf(html_summary(found))
        assert made.startswith(b"%PDF") and pdf.pages(made) == 1


def test_without_a_browser_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    with pytest.raises(SpecError, match="apt install chromium.*or take the HTML"):
        pdf.print_pdf("<p>x</p>")


@CHROMIUM
@pytest.mark.browser
def test_nothing_of_it_is_cut_off_on_paper_or_on_a_telephone(store, tmp_path):
    from playwright.sync_api import sync_playwright

    page_file = tmp_path / "summary.html"
    with sync_playwright() as driver:
        program = next(filter(None, map(shutil.which, pdf.BROWSERS)))
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for found in (LONG, of(store, fakes.run(store))):
            page_file.write_text(html_summary(found))
            for media, width in (("print", 794), ("screen", 1200), ("screen", 390)):
                page = browser.new_page(viewport={"width": width, "height": 1123})
                page.emulate_media(media=media)
                page.goto(page_file.as_uri())
                over = page.evaluate(
                    "() => { const m = document.querySelector('main'); return [m.scrollHeight - m.clientHeight, m.scrollWidth - m.clientWidth] }"
                )
                assert over[0] <= 1 and over[1] <= 1, (media, width, over)
                assert page.locator("footer").is_visible()
                page.close()
        browser.close()

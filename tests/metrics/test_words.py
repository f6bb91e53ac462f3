"""The words of a picture, and the sentence: what the numbers say, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gi_core.metrics import evaluate, verdict
from gi_core.metrics.words import PERSON, Said, of_row, of_several, said

POOR = {"mse": 0.16, "psnr": 8.0, "ssim": 0.0}


def result(*entries: dict, candidates: int | None = 200) -> dict:
    base = {"mse": 0.01, "psnr": 20.0, "ssim": 0.6, "iip_rank": 1, "iip_percentile": 100.0}
    return {
        "metrics": {"iip_candidates": candidates},
        "images": [{**base, **e} for e in entries],
    }


@pytest.mark.parametrize(
    "entry, begins",
    [
        ({}, "seen, found: a person would see it, and a machine finds it, first among 200 pictures (PSNR 20.0 dB, SSIM 0.600)"),
        ({"mse": 1e-6, "psnr": 60.0}, "exact, found: no eye tells it from the original, and a machine finds it"),
        ({"psnr": 12.0, "ssim": 0.1, "mse": 0.06}, "not seen, found: a person would see nothing, yet a machine finds it"),
        ({**POOR, "iip_rank": 4}, "not seen, not found: a person would see nothing, and a machine does not find it, number 4 among"),
        ({"psnr": 19.7, "ssim": 0.4}, "traces, found: a person would see traces only, yet a machine finds it"),
        ({"psnr": 16.3, "ssim": 0.2, "iip_rank": 15}, "traces, not found: a person would see traces only, and a machine does not"),
        ({"psnr": 22.0, "ssim": 0.19, "iip_rank": 15}, "not seen, not found: "),
        ({"psnr": 14.2, "ssim": 0.72, "iip_rank": 19}, "seen, not found: a person would see it, yet a machine does not find it, number 19"),
        ({"psnr": 13.3, "ssim": 0.5, "iip_rank": 2}, "seen, not found: "),
        ({"psnr": 25.0, "ssim": 0.3}, "seen, found: "),
        ({"psnr": 18.0, "ssim": None, "iip_rank": None}, "seen: a person would see it; whether a machine finds it among others was"),
        ({"psnr": 17.9, "ssim": None, "iip_rank": None}, "not seen: "),
        ({**POOR, "iip_rank": None}, "not seen: a person would see nothing; whether a machine finds it"),
    ],
)  # fmt: skip
def test_one_picture(entry, begins):
    assert verdict(**result(entry)).startswith(begins)


@pytest.mark.parametrize("rank", (None, 1, 2))
@pytest.mark.parametrize("ssim", (0.0, 0.2, 0.5, 1.0))
def test_what_a_person_sees_and_what_a_machine_finds_do_not_depend_on_each_other(ssim, rank):
    alone, both = said({"psnr": 15.0, "ssim": ssim}), said({"psnr": 15.0, "ssim": ssim, "iip_rank": rank})
    assert both.person == alone.person and both.machine == {None: "", 1: "found", 2: "not found"}[rank]


def test_a_blank_answer_is_not_seen_however_smooth_the_original_is():
    """A smooth original is like a blank picture: its SSIM says nothing."""
    smooth = (0.4 + 0.02 * np.linspace(-1, 1, 32)) * np.ones((1, 3, 32, 32))
    blank, colour, near = np.full_like(smooth, 0.5), np.full_like(smooth, 0.405), smooth + 0.01
    for answer, word in ((blank, "not seen"), (colour, "not seen"), (near, "seen")):
        (found,) = evaluate(answer, smooth)["per_image"]
        assert found["ssim"] > 0.5 and said(found).person == word
    assert said({"psnr": 12.0, "mse": 0.06, "ssim": 0.6, "ssim_blank": 0.5}).person == "seen"


def test_the_rule_agrees_with_the_pairs_that_were_judged_by_eye():
    """The figures of docs/words.md: 168 pairs, called by looking before any score was shown."""
    pairs = json.loads((Path(__file__).parent / "judged_pairs.json").read_text())
    order = ("not seen", "traces", "seen", "exact")
    off = [min(order.index(said(pair).person), 2) - order.index(pair["eye"]) for pair in pairs]
    assert len(pairs) == 168 and off.count(0) == 125 and sum(abs(k) == 2 for k in off) == 6
    assert sum(k > 0 for k in off) == 24 and sum(k < 0 for k in off) == 19
    told = " ".join((Path(__file__).parents[2] / "docs" / "words.md").read_text().split())
    assert "with 125 of 168, and with 6 they differ by two steps" in told and "24 were called more" in told


def test_levels_rise_with_what_is_given_away():
    order = ("protected", "partly", "exposed")
    for machine in ("", "not found", "found"):
        levels = [order.index(Said(person, machine).level) for person in PERSON]
        assert levels == sorted(levels, reverse=True)
    assert Said("not seen", "found").level == "partly" and Said("not seen", "not found").level == "protected"
    assert Said().level == "unknown" and not Said()


def test_exact_is_told_by_psnr_where_nothing_else_stands_there():
    assert said({"psnr": 40.1}).person == "exact" and said({"psnr": 39.9, "ssim": 0.9}).person == "seen"


def test_a_batch_counts_and_its_words_are_those_of_the_most_exposed():
    good, poor = {}, {**POOR, "iip_rank": 50}
    assert verdict(**result(good, good, poor, good)) == (
        "seen, found: a person would see 3 of 4 pictures; a machine finds 3 of 4 first among 200 pictures"
    )
    assert verdict(**result(poor, poor)).startswith(
        "not seen, not found: a person would see none of 2 pictures; a machine finds 0"
    )
    assert verdict(**result({"mse": 0.0}, {"mse": 0.0})).startswith("exact, found: no eye tells any of the 2 pictures")
    assert verdict(**result({"mse": 0.0}, good)).startswith(
        "exact, found: a person would see 2 of 2 pictures, 1 of them exact;"
    )
    entries = result({"ssim": 0.6, "iip_rank": 7}, {**POOR, "iip_rank": 1})["images"]
    assert of_several(entries) == Said("seen", "found") and of_several([]) == Said()
    means = {"psnr": 14.0, "ssim": 0.3, "pictures": 2}
    assert of_row({**means, "person": "seen", "machine": "found"}) == Said("seen", "found")
    assert of_row(means) == Said("traces")


def test_nothing_to_say():
    assert "diverged" in verdict(**result({"mse": None}))
    assert "no original" in verdict({}, [])


def test_registry_and_verdict_load_no_torch():
    code = (
        "import sys; import gi_core.metrics.registry; from gi_core.metrics import verdict; verdict({}, []);"
        "sys.exit(any(m in sys.modules for m in ('torch', 'torchvision', 'skimage', 'lpips', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_answer_behind_the_prior_is_nothing():
    """Whatever SSIM says: the server had a picture that is more like the original before it attacked."""
    entry = {"mse": 0.01, "psnr": 20.0, "ssim": 0.6, "iip_rank": 133, "rdlv": -0.1}
    alone = {"metrics": {"rdlv": -0.1, "iip_candidates": 200}, "images": [entry]}
    assert verdict(**alone).startswith("not seen, not found: nothing came back, as the prior picture")
    assert said(entry).level == "protected"
    assert "nothing" not in verdict(**{**alone, "images": [{**entry, "rdlv": 0.1}]})
    both = {"metrics": {"rdlv": -0.4}, "images": [{**entry, "ssim": 0.1}, {**entry, "ssim": 0.1, "rdlv": 0.3}]}
    assert verdict(**both).startswith("not seen, not found: a person would see none of 2")
    found = {**entry, "iip_rank": 1}
    assert said(found) == Said("seen", "found"), "what finds its original was not there before"

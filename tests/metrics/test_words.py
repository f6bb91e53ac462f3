"""The verdict: what the numbers say, and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gi_core.metrics import verdict
from gi_core.metrics.words import recognisable

POOR = {"psnr": 8.0, "ssim": 0.0}


def result(*entries: dict, candidates: int | None = 200) -> dict:
    base = {"mse": 0.01, "psnr": 20.0, "ssim": 0.6, "iip_rank": 1, "iip_percentile": 100.0}
    return {
        "metrics": {"iip_candidates": candidates},
        "images": [{**base, **e} for e in entries],
    }


@pytest.mark.parametrize(
    "entry, begins",
    [
        ({}, "recognisable: the reconstruction finds its original among 200 pictures, rank 1"),
        ({"mse": 1e-6, "psnr": 60.0}, "exact: "),
        ({"psnr": 12.0, "ssim": 0.1, "mse": 0.06}, "identifiable: poor to the eye (PSNR 12.0 dB)"),
        ({**POOR, "iip_rank": 4, "iip_percentile": 98.0}, "not recognisable: the original is number 4"),
        ({"psnr": 19.7, "ssim": 0.4}, "identifiable: poor to the eye (PSNR 19.7 dB)"),
        ({"psnr": 19.7, "ssim": 0.2, "iip_rank": 15}, "not recognisable: the original is number 15"),
        ({"psnr": 16.3, "ssim": 0.32, "iip_rank": 15}, "traces only: the original is number 15"),
        ({"psnr": 14.2, "ssim": 0.72, "iip_rank": 19}, "recognisable: the original is number 19"),
        ({"psnr": 13.3, "ssim": 0.51, "iip_rank": 2}, "traces only: the original is number 2"),
        ({"psnr": 26.0, "ssim": 0.3}, "recognisable: the reconstruction finds"),
        ({"psnr": 18.0, "ssim": None, "iip_rank": None}, "recognisable: PSNR 18.0 dB"),
        ({**POOR, "iip_rank": 33, "iip_percentile": 83.9}, "not recognisable: the original is number 33"),
        ({**POOR, "iip_rank": 120, "iip_percentile": 40.0}, "not recognisable: the original is number 120"),
        ({"psnr": 8.0, "ssim": 0.0, "iip_rank": None}, "not recognisable: PSNR 8.0 dB; whether it is found"),
        ({"iip_rank": None}, "recognisable: PSNR 20.0 dB; whether it is found"),
    ],
)  # fmt: skip
def test_one_picture(entry, begins):
    assert verdict(**result(entry)).startswith(begins)


def test_a_batch_counts():
    good, poor = {}, {"psnr": 8.0, "ssim": 0.0, "iip_rank": 50}
    assert verdict(**result(good, good, poor, good)) == (
        "recognisable: 3 of 4 pictures; 3 of 4 find the original among 200 pictures at rank 1"
    )
    assert verdict(**result(poor, poor)).startswith("not recognisable: none of 2 pictures; 0 of 2 find")
    assert verdict(**result({"mse": 0.0}, {"mse": 0.0})).startswith("exact: all 2")


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
    """Whatever PSNR says: the server had a picture that is more like the original before it attacked."""
    entry = {"mse": 0.01, "psnr": 20.0, "ssim": 0.2, "iip_rank": 133, "rdlv": -0.9}
    alone = {"metrics": {"rdlv": -0.9, "iip_candidates": 200}, "images": [entry]}
    assert verdict(**alone).startswith("nothing came back: the prior picture")
    assert not recognisable(entry)
    assert "nothing" not in verdict(**{**alone, "images": [{**entry, "rdlv": 0.1}]})
    both = {"metrics": {"rdlv": -0.4}, "images": [entry, {**entry, "rdlv": 0.3}]}
    assert verdict(**both).startswith("not recognisable: none of 2")
    found = {**entry, "iip_rank": 1}
    assert verdict(**{**alone, "images": [found]}).startswith("identifiable")
    found["ssim"] = 0.6
    assert recognisable(found) and verdict(**{**alone, "images": [found]}).startswith("recognisable")

"""RDLV against its formula by hand, the published convention, and where it says nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from gi_core import metrics
from gi_core.metrics import rdlv as module
from gi_core.metrics.rdlv import PROTOCOL, PUBLISHED, rdlv, stretched
from gi_core.metrics.registry import METRICS, shown

RNG = np.random.default_rng(8)


def some(n: int = 1, channels: int = 1, side: int = 16) -> np.ndarray:
    return RNG.random((n, channels, side, side))


def strict(result: dict) -> dict:
    return json.loads(json.dumps(result, allow_nan=False))


def constant(*values: float) -> np.ndarray:
    return np.stack([np.full((1, 12, 12), v) for v in values])


def flat(a: float, b: float) -> float:
    """SSIM of two constant pictures: only the luminance (2 a b + c) / (a^2 + b^2 + c) differs, c = 0.01^2."""
    c = 1e-4
    return (2 * a * b + c) / (a * a + b * b + c)


def test_by_hand_on_constant_pictures():
    got = strict(rdlv(constant(0.5, 0.7), constant(0.8), constant(0.2)[0]))
    base, best = flat(0.2, 0.8), flat(0.7, 0.8)
    assert base == pytest.approx(0.3201 / 0.6801) and got["measure"] == "rdlv"
    entry = got["per_image"][0]
    assert entry["closest"] == 1 and entry["ssim_prior"] == pytest.approx(base) and entry["ssim"] == pytest.approx(best)
    assert got["site"] == got["mean"] == entry["value"] == pytest.approx((best - base) / base)
    assert got["note"] == "" and got["convention"] == PROTOCOL


def test_the_prior_itself_is_worth_nothing_and_the_original_the_most_there_is():
    true, prior = some(), some()[0] * 0.2 + 0.5
    true[0] = 0.5 * true[0] + 0.5 * prior
    assert rdlv(prior[None], true, prior)["site"] == pytest.approx(0)
    got = rdlv(true, true, prior)
    assert got["site"] == pytest.approx(1 / got["per_image"][0]["ssim_prior"] - 1)
    assert rdlv(constant(0.0), constant(0.9), constant(0.5)[0])["site"] < 0, "worse than the prior"


def test_each_picture_takes_its_likest_and_the_site_takes_the_largest():
    got = rdlv(constant(0.9, 0.3), constant(0.3, 0.6), constant(0.6)[0])
    first, second = (e["value"] for e in got["per_image"])
    assert [e["closest"] for e in got["per_image"]] == [1, 0]
    assert first == pytest.approx(1 / flat(0.6, 0.3) - 1) and second == pytest.approx(flat(0.9, 0.6) - 1)
    assert got["site"] == first and got["mean"] == pytest.approx((first + second) / 2)


def test_without_a_prior_the_likeness_itself():
    got = rdlv(constant(0.5), constant(0.8))
    assert got["measure"] == "ssim" and got["site"] == pytest.approx(flat(0.5, 0.8))
    assert got["per_image"][0]["ssim_prior"] is None


def test_a_prior_that_is_unlike_gives_a_reason_and_no_number():
    true = some(2)
    prior = 1 - true[0]
    got = strict(rdlv(true, true, prior))
    assert got["per_image"][0]["ssim_prior"] < 0 and got["per_image"][0]["value"] is None
    assert "not like this picture" in got["per_image"][0]["reason"]
    alone = strict(rdlv(true[:1], true[:1], prior))
    assert alone["site"] is None and alone["mean"] is None and "not like" in alone["note"]
    flipped = np.stack([true[0], 0.3 * true[0] + 0.7 * prior])
    mixed = rdlv(flipped, flipped, 0.9 * prior)
    assert mixed["per_image"][0]["value"] is None and mixed["per_image"][1]["value"] is not None
    assert mixed["note"].startswith("1 of 2 pictures left out") and mixed["site"] == mixed["mean"]


def test_the_published_convention_is_skimages_default_window_on_stretched_bytes():
    true, rec, prior = some(1, 3)[0], some(1, 3)[0] * 3 - 1, some(1, 3)[0]
    prior = 0.5 * prior + 0.5 * true
    got = rdlv(rec[None], true[None], prior, published=True)
    low, high = rec.min(), rec.max()
    bytes_ = 255 * (rec - low) / (high - low)
    each = [structural_similarity(bytes_[c], 255 * true[c], win_size=7, data_range=256) for c in range(3)]
    base = [structural_similarity(255 * prior[c], 255 * true[c], win_size=7, data_range=256) for c in range(3)]
    assert got["per_image"][0]["ssim"] == pytest.approx(np.mean(each))
    assert got["site"] == pytest.approx((np.mean(each) - np.mean(base)) / np.mean(base))
    assert got["convention"] == PUBLISHED != rdlv(rec[None], true[None], prior)["convention"]
    grey = rdlv(rec[None, :1], true[None, :1], prior[:1], published=True)["site"]
    three = [np.repeat(x[:1], 3, 0) for x in (rec, true, prior)]
    assert rdlv(three[0][None], three[1][None], three[2], published=True)["site"] == pytest.approx(grey)


def test_stretching():
    assert stretched(np.array([2.0, 4.0, 3.0])).tolist() == [0, 1, 0.5]
    assert stretched(np.full(3, 0.4)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("published", [False, True])
def test_what_is_not_finite_is_never_the_likest(published):
    true, prior = some(1), constant(0.5)[0][:, :1, :1].repeat(16, 1).repeat(16, 2)
    prior = 0.5 * prior + 0.5 * true[0]
    rec = np.concatenate([true * np.nan, true])
    rec[0, 0, 0, 0] = np.inf
    got = strict(rdlv(rec, true, prior, published=published))
    assert got["per_image"][0]["closest"] == 1
    none = strict(rdlv(rec[:1], true, prior, published=published))
    assert none["site"] is None and none["note"] == module.NO_NUMBERS
    wild = strict(rdlv(true * np.array(1e300), true, prior, published=published))
    assert wild["site"] is not None


def test_small_pictures_and_unequal_shapes():
    small = some(1, 1, 5)
    assert rdlv(small, small, small[0], published=True)["note"] == module.TOO_SMALL
    assert rdlv(small, small, small[0])["site"] == pytest.approx(0)
    with pytest.raises(ValueError, match="cannot be compared"):
        rdlv(small, some(1, 3, 5))


def test_a_run_with_a_prior_has_it_and_others_do_not():
    true = constant(0.3, 0.6)
    got = strict(metrics.evaluate(constant(0.3, 0.9), true, prior=constant(0.6)[0]))
    first, second = 1 / flat(0.6, 0.3) - 1, flat(0.9, 0.6) - 1
    assert [e["rdlv"] for e in got["per_image"]] == pytest.approx([first, second])
    assert got["metrics"]["rdlv"] == pytest.approx((first + second) / 2) and got["metrics"]["rdlv_note"] == ""
    assert got["metrics"]["rdlv_site"] == pytest.approx(first)
    assert got["metrics"]["rdlv_sd"] == pytest.approx(abs(first - second) / 2)
    plain = metrics.evaluate(constant(0.3, 0.9), true)
    assert "rdlv" not in plain["metrics"] and "rdlv" not in plain["per_image"][0]
    unlike = some(1)
    got = strict(metrics.evaluate(unlike, unlike, prior=1 - unlike[0]))
    assert got["metrics"]["rdlv"] is None and "not like" in got["metrics"]["rdlv_note"]


def test_it_has_a_meaning_and_a_face():
    assert METRICS["rdlv"].better == "higher" and "prior" in METRICS["rdlv"].sentence
    assert shown("rdlv", 0.684) == "0.684" and shown("rdlv", -0.06) == "-0.060"

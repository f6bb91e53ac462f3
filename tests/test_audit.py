"""The gate's decision: by RDLV, by likeness without a prior, and no for whatever was not measured."""

from __future__ import annotations

import pytest

from gi_core.audit import decision


def document(*values, measure="rdlv", status="done", **metrics):
    return {
        "status": status,
        "metrics": {measure: None, **metrics},
        "per_image": [{"ssim": 0.2, measure: value} for value in values],
    }


def test_the_largest_of_the_pictures_decides():
    got = decision(document(0.2, 0.9, -0.1), 0.5)
    assert got["leaked"] == 0.9 and got["send"] is False and got["measure"] == "rdlv"
    assert got["sentence"] == "withheld: RDLV 0.900 is above the threshold of 0.5"
    got = decision(document(0.2, 0.9), 0.9)
    assert got["send"] is True and got["sentence"] == "may leave: RDLV 0.900 is within the threshold of 0.9"
    assert decision(document(0.999))["send"] and not decision(document(1.001))["send"], "the published threshold"


def test_without_a_prior_it_is_the_likeness_itself():
    got = decision(document(0.6, measure="ssim"), 0.5)
    assert got["measure"] == "ssim" and got["send"] is False and "SSIM 0.600" in got["sentence"]


@pytest.mark.parametrize(
    "told, reason",
    [
        (document(0.1, status="failed") | {"error": "the memory is full"}, "the memory is full"),
        (document(0.1, status="cancelled"), "did not end"),
        (document(), "no picture to compare with"),
        (document(None, rdlv_note="the prior is not like it"), "the prior is not like it"),
        (document(0.1, None), "a picture has no value"),
        ({"status": "done"}, "no picture"),
    ],
)
def test_what_was_not_measured_does_not_leave(told, reason):
    got = decision(told, 100.0)
    assert got["send"] is False and got["leaked"] is None and reason in got["sentence"]

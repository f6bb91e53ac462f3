"""The page of published numbers: claims with where they were read, what was measured, and a setting measured anew."""

from __future__ import annotations

import pytest

from gi_core.common.paths import home
from gi_core.jobs import sweeps
from gi_core.reproductions import records
from pages.reproductions import known, table
from tests.pages.opened import opened, text
from tests.reproductions.helpers import found


@pytest.fixture(autouse=True)
def nothing_shipped(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "SHIPPED", tmp_path / "none.json")


def test_each_claim_says_where_it_was_read_and_what_was_measured(store):
    records.keep({"rgap_fcn3_release": found(value=90.0, interval=(80.0, 95.0), verdict="differs")})
    said = text(opened("reproductions"))
    assert "114 dB, 2.9 s (measured with their code)" in said
    assert "90.0 dB [80.0 to 95.0 dB], median of 50 pictures" in said and "differs" in said
    assert "above 100 dB the value tells rounding alone" in said
    assert "second hand" in said and "GI-NAS" not in said  # no number of a sentence that somebody else wrote


def test_a_setting_is_measured_from_the_page(store):
    app = opened("reproductions")
    app.button(key="measure_rgap_fcn3").click().run()
    assert not app.exception
    (job,) = store.jobs(kinds=("sweep",))
    offer = next(one for one in known.offers() if one.setting.id == "rgap_fcn3")
    assert sweeps.sweep_of(store, job.id) == offer.sweep
    assert sweeps.status(store, job.id).total == len(offer.pictures.refs)
    assert not any(button.key == "measure_rgap_fcn3" for button in app.button)


def test_a_damaged_file_is_one_sentence(store):
    (home() / "reproductions.json").write_text("{")
    assert "reproductions.json" in text(opened("reproductions"))


def test_every_verdict_has_a_sign():
    from typing import get_args

    from gi_core.reproductions.verdicts import Verdict

    assert set(table.SIGNS) == set(get_args(Verdict))

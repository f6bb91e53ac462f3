"""The page of published numbers: claims with where they were read, what was measured, and a setting measured anew."""

from __future__ import annotations

import re

import pytest

from gi_core.common.paths import home
from gi_core.jobs import sweeps
from gi_core.reproductions import claims, records
from gi_core.settings.sweep import members
from pages.reproductions import known, table
from pages.shared import link
from tests.pages.opened import opened, text
from tests.reproductions.helpers import counted, found


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
    assert sweeps.status(store, job.id).total == len(offer.sweep.experiments) > len(offer.pictures.refs)
    assert not any(button.key == "measure_rgap_fcn3" for button in app.button)


def test_a_planted_wrong_value_is_red_and_each_row_leads_to_its_experiment(store):
    one = found(value=90.0, verdict="differs", sweep="0123456789ab")
    drawn = table._row(
        next(claim for claim in claims() if claim.id == "rgap_fcn3_release"),
        known.Known(one, one["sweep"], False),
        known.links(),
    )
    assert 'class="gi-claim-bad"' in drawn and "./sweeps?sweep=0123456789ab" in drawn
    address = re.search(r"\./\?experiment=([A-Za-z0-9_-]+)", drawn)
    offer = next(one for one in known.offers() if one.setting.id == "rgap_fcn3")
    assert address and link.decode(address[1]) == members(offer.sweep)[0].experiment


def test_what_is_found_otherwise_stands_beside_its_claim_with_the_controls(store):
    beside = {"noise": counted(6.5), "other": counted(7.5)}
    taught = {"value": 0.5, "deviation": 0.02, "seeds": 3, "bare": 0.75, "bare_deviation": 0.01, "chance": 0.25}
    records.keep({"influence_noise_mse": found(controls=beside, accuracy=taught)})
    said = text(opened("reproductions"))
    for words in (
        "What the released code minimises.", "The damping decides what the influence says.", "Which start is kept.",
        "PSNR of normalised values.", "Batch norm in evaluation mode.",
    ):  # fmt: skip
        assert words in said
    assert "noise: 6.5 [6.0 to 7.0], 2 pictures" in said and "prior alone: none, the attack has no prior" in said
    assert (
        "accuracy of the main task: 50 % ± 2, 75 % ± 1 without the defense, 25 % by chance (mean ± deviation of 3"
        in said
    )


def test_a_damaged_file_is_one_sentence(store):
    (home() / "reproductions.json").write_text("{")
    assert "reproductions.json" in text(opened("reproductions"))


def test_every_verdict_has_a_sign():
    from typing import get_args

    from gi_core.reproductions.verdicts import Verdict

    assert set(table.SIGNS) == set(get_args(Verdict))

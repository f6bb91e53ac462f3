"""The files of claims: what is shipped is sound, and what is not is refused in one sentence."""

from __future__ import annotations

import pytest

from gi_core import data
from gi_core.reports import references
from gi_core.reproductions import asked, claims, records, setting_of, studies
from gi_core.reproductions.claims import UNPRINTED, read_study
from gi_core.reproductions.pictures import chosen
from gi_core.settings import SpecError
from gi_core.settings.check import problems
from gi_core.settings.sweep import members
from tests.reproductions.helpers import found

ONE = """
system = "One"
[[settings]]
id = "one_setting"
title = "One"
pictures = "mnist"
base = { size = 8, channels = 1, model = "mlp:hidden=8", attack = "analytic_linear" }
small = { pictures = 5 }
full = { pictures = 5 }
fewer = "It is a test."
[[claims]]
id = "one_claim"
experiment = "one_setting"
paper = "geiping2020inverting"
where = "Section 4"
claim = "A dense layer gives its picture away."
source = "source"
printed = "100 dB"
metric = "psnr"
published = 100.0
tolerance = 30.0
"""


def test_what_is_shipped_can_be_asked_of_what_is_here(gi_home):
    assert sum(claim.experiment is not None for claim in claims()) >= 25
    assert len({study.system for study in studies()}) >= 6
    for study in studies():
        for setting in study.settings:
            for budget in ("small", "full"):
                if setting.amount(budget).pictures:
                    sweep, pictures = asked(setting, budget)
                    one = members(sweep)[-1].experiment
                    assert not pictures.own and not [p for p in problems(one) if p.fatal], setting.id
                    data.load(one)  # labels that its network knows


def test_every_paper_is_cited_and_no_hearsay_has_a_number():
    known = references.papers()
    for claim in claims():
        assert claim.paper in known, claim.paper
        assert claim.source not in UNPRINTED or claim.published is None


def test_what_is_shipped_was_measured_of_claims_that_are_there():
    known = {claim.id: claim for claim in claims()}
    for name, one in records.shipped().items():
        assert name in known and setting_of(known[name]) is not None
        assert one["value"] is None or one["pictures"] > 0
        assert one["verdict"] != "differs" or known[name].why, f"{name} differs: say why"


def test_stand_ins_never_take_the_place_of_the_publications_pictures():
    own, other = found(value=1.0), found(value=2.0, own=False)
    assert records.newer({"a": own}, {"a": other, "b": other}) == {"a": own, "b": other}
    assert records.newer({"a": other}, {"a": own}) == {"a": own}


def test_pictures_are_the_publications_or_called_otherwise(gi_home, tmp_path):
    grey = chosen("mnist", 3, 10)
    assert (
        not grey.own
        and grey.refs == ("bundled/faces:0", "bundled/faces:1", "bundled/faces:2")
        and grey.labels == (0, 1, 2)
    )
    crops = chosen("cifar10", 12, 10)
    assert len(set(crops.refs)) == 12 and crops.title == "crops of bundled photographs"
    for wrong, word in (({"mnits": "x"}, "mnits"), ({"mnist": str(tmp_path / "none")}, "folder")):
        with pytest.raises(SpecError, match=word):
            chosen("mnist", 3, 10, wrong)
    with pytest.raises(SpecError, match="200 are bundled"):
        chosen("mnist", 500, 10)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('printed = "100 dB"', "", "printed"),
        ('source = "source"', 'source = "second hand"', "second hand"),
        ('metric = "psnr"', 'metric = "pnsr"', "psnr"),
        ('experiment = "one_setting"', 'experiment = "one_settin"', "one_setting"),
        ('attack = "analytic_linear"', 'attack = "analytic_liner"', "analytic_linear"),
        ('fewer = "It is a test."', "", "fewer"),
        ("published = 100.0", 'published = "much"', "published"),
        ("tolerance = 30.0", "below = 3.0", "share"),
    ],
)
def test_a_broken_file_gets_one_sentence(old, new, word):
    assert read_study(ONE.encode()).claims[0].id == "one_claim"
    with pytest.raises(SpecError, match=word) as raised:
        read_study(ONE.replace(old, new).encode())
    assert "\n" not in str(raised.value)

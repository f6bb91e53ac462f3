"""The standing controls beside every claim, and accuracy beside every noise level: asked for, kept apart from the claim's own runs, told."""

from __future__ import annotations

import pytest

from gi_core.reproductions import asked, claims, measured, setting_of, studies
from gi_core.reproductions.claims import read_study
from gi_core.reproductions.telling import accuracy_text, controls_text, line
from gi_core.settings import DEFENSES, SpecError
from gi_core.settings.controls import has_prior
from gi_core.settings.sweep import members
from tests.reproductions.helpers import found, rows
from tests.reproductions.test_claims import ONE
from tests.reproductions.test_verdicts import ABOUT, claim


def test_every_setting_asks_for_its_controls_and_where_noise_is_added_for_accuracy(gi_home):
    for setting in (one for study in studies() for one in study.settings):
        sweep, pictures = asked(setting, "full")
        asked_for = [m.experiment for m in members(sweep)]
        own, beside = asked_for[: len(pictures.refs)], asked_for[len(pictures.refs) :]
        kinds = [*(k for k in ("noise", "other", "prior") if k != "prior" or has_prior(own[0].attack))]
        assert setting.controls >= 1 and [e.control for e in beside if e.control != "none"] == [
            k for k in kinds for _ in range(setting.controls)
        ]
        bare = [e for e in beside if e.control == "none"]
        assert len(bare) == (setting.controls if own[0].defenses else 0) and not any(e.defenses for e in bare)
        assert {e.attack for e in beside} == {own[0].attack}  # the same budget
        noisy = any("noise" in DEFENSES[one.kind].perturbs for one in own[0].defenses)
        assert (sweep.utility is not None) >= noisy, setting.id


def test_controls_never_enter_the_value_of_a_claim():
    own, noise, bare = rows([30.0] * 6), rows([7.0, None]), rows([40.0, 42.0])
    own = [
        row | {"defenses": "gaussian_noise", "accuracy": 0.5, "accuracy_std": 0.1, "accuracy_seeds": 3, "chance": 0.2}
        for row in own
    ]
    noise = [row | {"defenses": "gaussian_noise", "control": "noise"} for row in noise]
    bare = [
        row | {"defenses": "none", "accuracy": 0.8, "accuracy_std": 0.0, "accuracy_seeds": 3, "chance": 0.2}
        for row in bare
    ]
    got = measured(claim(), [*own, *noise, *bare], **ABOUT, defended=True)
    assert got["value"] == 30.0 and got["pictures"] == 6 and len(got["runs"]) == 6 and got["failed"] == 0
    assert got["controls"]["noise"] == {"value": 7.0, "interval": (7.0, 7.0), "pictures": 1, "failed": 1, "refused": 0}
    assert got["controls"]["undefended"]["value"] == 41.0
    assert got["accuracy"] == {
        "value": 0.5,
        "deviation": 0.1,
        "seeds": 3,
        "bare": 0.8,
        "bare_deviation": 0.0,
        "chance": 0.2,
    }
    undefended = measured(claim(), [row | {"defenses": "none"} for row in own], **ABOUT)
    assert (
        undefended["pictures"] == 6 and undefended["controls"] == {}
    )  # without a defense nothing is left out as undefended


def test_they_are_told_with_interval_and_count():
    one = claim()
    got = measured(one, [*rows([30.0] * 6), *(row | {"control": "other"} for row in rows([7.0, 8.0]))], **ABOUT)
    assert controls_text(one, got) == [
        "another client: 7.5 dB [7.0 to 8.0 dB], 2 pictures",
        "prior alone: none, the attack has no prior",
    ]
    assert "beside it another client: 7.5 dB" in line(one, got)
    assert controls_text(one, found()) == [] and accuracy_text(None, found()) == ""
    noisy = next(c for c in claims() if c.id == "influence_noise_mse")
    told = accuracy_text(
        setting_of(noisy),
        found(
            accuracy={"value": 0.5, "deviation": None, "seeds": 1, "bare": None, "bare_deviation": None, "chance": 0.1}
        ),
    )
    assert told == "accuracy of the main task: 50 %, 10 % by chance (mean ± deviation of 1 training of 100 rounds)"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (
            '[[findings]]\ntitle = "Units"\nclaims = ["one_clam"]\ntext = "The paper counts otherwise than we do."',
            "one_claim",
        ),
        ('[[findings]]\ntitle = "Units"\nclaims = ["one_claim"]\ntext = ""', "empty"),
    ],
)
def test_a_broken_finding_gets_one_sentence(more, word):
    with pytest.raises(SpecError, match=word) as raised:
        read_study(f"{ONE}{more}\n".encode())
    assert "\n" not in str(raised.value)


def test_a_training_that_cannot_be_gets_one_sentence():
    with pytest.raises(SpecError, match="rounds"):
        read_study(
            ONE.replace('fewer = "It is a test."', 'fewer = "It is a test."\naccuracy = { rounds = 0 }').encode()
        )

"""From eight answers to cases that can be asked, and from what came back to a finding that claims no more than was measured."""

from __future__ import annotations

import itertools

import pytest

from gi_core import data
from gi_core.deployment import ASKED, Deployment, costs, deployment, found, question
from gi_core.deployment.cases import DELTA, positions, private
from gi_core.deployment.questions import assumed, settled
from gi_core.reports.deployments import command, report
from gi_core.reports.page import html_page
from gi_core.settings import SpecError
from gi_core.settings.accounting import epsilon
from gi_core.settings.check import problems
from gi_core.settings.sweep import members
from tests.deployment.helpers import rows

SIX = {
    "transformer": {"network": "transformer", "pictures": "1", "server": "honest"},
    "statistics": {"network": "residual", "shared": "statistics", "pictures": "4", "server": "honest"},
    "private": {"network": "plain", "protection": "dp8", "server": "honest"},
    "summed": {"network": "plain", "together": "50", "server": "honest"},
    "adapter": {"network": "transformer", "shared": "adapter", "server": "honest"},
    "fished": {"network": "residual", "pictures": "16", "server": "dishonest"},
}


@pytest.mark.parametrize("answers", SIX.values(), ids=SIX)
def test_every_case_of_a_described_deployment_can_be_asked(answers, gi_home):
    asked = deployment(answers)
    every = members(question(asked))
    assert sum(len(where) for _, where in positions(asked)) == len(every)
    for case, where in positions(asked):
        one = every[where[0]].experiment
        assert not [p for p in problems(one) if p.fatal], case.title
        assert one.pictures == case.pictures
        data.load(one)
    price = costs(asked)
    assert price is None or len(members(price)) == 2


def test_every_combination_of_answers_has_cases_that_fit_together():
    names = ("network", "pictures", "steps", "shared", "together", "protection", "server")
    choices = [tuple(ASKED[name].answers) for name in names]
    for k, values in enumerate(itertools.product(*choices)):
        if k % 37:  # a part of them, of every answer some
            continue
        asked = deployment(dict(zip(names, values, strict=True)))
        every = members(question(asked))
        for case, where in positions(asked):
            assert not [p for p in problems(every[where[0]].experiment) if p.fatal], (values, case.title)


def test_what_is_not_known_is_taken_as_it_leaks_most_and_said():
    nothing = Deployment()
    assert len(assumed(nothing)) == len(ASKED) and settled(nothing)["server"] == "dishonest"
    text = found(nothing, rows(nothing, lambda case: "seen")).text
    assert (
        "8 of 8 answers are not known" in text
        and "from 8 of 8 updates; of all such updates that is 68 to 100 %" in text
    )
    assert all(one.taken in one.answers for one in ASKED.values())
    with pytest.raises(SpecError, match="network"):
        deployment({"network": "transfomer"})


def test_the_noise_of_dp_has_the_epsilon_that_is_named():
    for wanted in (1.0, 8.0):
        multiplier = float(private(wanted).partition("=")[2])
        assert epsilon(multiplier, 1.0, 1, DELTA) == pytest.approx(wanted, rel=0.02)


def test_pictures_that_came_back_are_called_so_and_the_measure_that_helps_is_advised():
    asked = deployment(SIX["fished"] | {"pictures": "4"})
    price = [
        {"defense": "none", "accuracy": 0.9, "accuracy_std": 0.01},
        {"defense": "DP-SGD", "accuracy": 0.6, "accuracy_std": 0.02},
    ]
    said = found(
        asked,
        rows(
            asked, lambda case: "nothing" if case.measure == "dp8" else "kept" if case.measure == "refuse" else "seen"
        ),
        price,
    )
    assert said.level == "exposed" and "8 of 8 updates" in said.text and said.over
    assert "DP-SGD" in said.advice and "from 8 of 8 to 0 of 4 updates" in said.advice and "30 points" in said.advice
    kept = next(one for one in said.outcomes if one.case.measure == "refuse")
    assert kept.level == "protected" and "4 not sent" in kept.share


def test_no_advice_before_the_difference_is_more_than_chance():
    asked = deployment(SIX["transformer"])
    turn = itertools.cycle(["seen", "nothing"])
    half = found(asked, rows(asked, lambda case: next(turn)))
    assert half.advice == "No measure that was tried changed the outcome by more than chance."
    coming = found(asked, rows(asked, lambda case: "queued" if case.measure else "seen"))
    assert coming.advice == "" and not coming.over and coming.head.startswith("So far: ")


def test_a_measure_that_leaves_another_threat_is_advised_last():
    """Summed over ten clients a dishonest server has several pictures to choose from; where nothing is known there may be one."""
    asked = Deployment()
    said = found(asked, rows(asked, lambda case: "nothing" if case.measure and case.threat == "curious" else "seen"))
    assert said.advice.startswith("Switch this on: DP-SGD") and "still got" not in said.advice
    coming = found(
        asked, rows(asked, lambda case: "nothing" if case.measure and case.threat == "curious" else "seen"), None
    )
    assert coming.advice.endswith("what it costs of accuracy is still being measured.")


@pytest.mark.parametrize("missing", ["failed", "queued"])
def test_what_could_not_be_measured_is_never_called_safe(missing):
    asked = deployment(SIX["fished"])
    said = found(asked, rows(asked, lambda case: missing if case.threat == "imprint" else "nothing"))
    assert said.level == "unknown" and "nothing is called safe" in said.text
    if missing == "failed":
        assert "no memory" in next(one for one in said.outcomes if one.case.threat == "imprint").share


def test_what_cannot_be_played_is_said_and_not_called_safe():
    asked = deployment(SIX["adapter"] | {"server": "dishonest", "protection": "dp8"})
    said = found(asked, rows(asked, lambda case: "nothing"))
    assert said.level == "unknown" and "was not measured where the adapters alone are sent" in " ".join(said.limits)


def test_a_server_that_fishes_stands_beside_one_that_only_reads():
    asked = deployment(SIX["fished"])
    said = found(asked, rows(asked, lambda case: "nothing" if case.threat == "curious" else "seen"))
    assert (
        "only reads what it is sent got them from 0 of 4 updates (0 to 49 %): what it sends makes the difference"
        in said.text
    )
    alike = found(asked, rows(asked, lambda case: "seen"))
    assert "makes the difference" not in alike.text


def test_the_document_says_what_was_described_and_how_to_repeat_it():
    asked = deployment(SIX["fished"])
    page = html_page(report(asked, found(asked, rows(asked, lambda case: "seen"))))
    for text in (
        "Private pictures can be read back",
        "A residual network (ResNet)",
        "EDPS",
        "proves no protection",
        command(asked),
    ):
        assert text in page
    assert command(asked) == "python -m gi_core check-deployment --network residual --pictures 16 --server dishonest"

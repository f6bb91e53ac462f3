"""Rounds of a federation taken together: a client that is safe in one round and exact in the next, and one that is never."""

from __future__ import annotations

import pytest

from gi_core.cli import federate
from gi_core.experiments.federation import running
from gi_core.experiments.loop import Stopped
from gi_core.settings.federation import build_federation
from gi_core.settings.federation_checks import federation_problems
from gi_core.types.exposure import exposures, of_client

LM = {"kind": "levenberg_marquardt", "iterations": 25, "restarts": 1}


def asked(**more):
    values = {
        "clients": 3, "pictures": [2, 1, 1], "size": 8, "rounds": 2, "attacked": [2], "record": "none",
        "model": {"kind": "lenet", "width": 1, "activation": "tanh"}, "client": {"learning_rate": 0.1},
        "attack": {"kind": "inverting_gradients", "iterations": 1, "labels": "known"},
    }  # fmt: skip
    return build_federation(values | more)


def psnr(found) -> list[float]:
    return [r["clients"][0]["psnr"] for r in found["rounds"]]


def test_a_client_is_safe_in_round_one_and_exact_in_round_two_and_the_attack_agrees(tmp_path):
    found = running.answer(asked(attack=LM, together=True), tmp_path)
    first, second = (r["clients"][0]["exposure"] for r in found["rounds"])
    assert first["rank"] < first["directions"] == second["rank"] == 64 and not first["exact"] and second["exact"]
    assert exposures(found["rounds"])[2].endswith("exact in round 2")
    assert psnr(found)[0] < 30 < 48 < psnr(found)[1]
    known = [r["clients"][0]["words"] for r in found["rounds"]]
    assert [(one["matched"], one["unique"]) for one in known] == [(True, False), (True, True)]
    assert [r["clients"][0]["certainty"]["directions"] for r in found["rounds"]] == [64, 64]
    assert "matched, unique, right" in federate.text({**found, "out": "x"})


def test_rounds_are_counted_where_each_is_attacked_alone_and_the_same_after_a_pause(tmp_path):
    settings = asked(
        rounds=3,
        attacked=[1, 2],
        defenses=[{"kind": "gaussian_noise", "std": 1e-6}, {"kind": "pruning", "fraction": 0.1}],
    )
    whole = running.answer(settings, tmp_path / "whole")

    def stop(fraction, text, found):
        if len(found.get("rounds") or ()) == 2 and "trains" in text:
            raise Stopped("pause")

    with pytest.raises(Stopped):
        running.answer(settings, tmp_path / "two", stop)
    again = running.answer(settings, tmp_path / "two")
    ranks = [[one["exposure"]["rank"] for r in found["rounds"] for one in r["clients"]] for found in (whole, again)]
    assert ranks[0] == ranks[1] and len(ranks[0]) == 6


def test_pictures_of_too_many_values_are_not_examined(tmp_path):
    found = running.answer(asked(pictures=[65, 1, 1], attacked=[1], rounds=1), tmp_path)
    assert "exposure" not in found["rounds"][0]["clients"][0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"attack": {"kind": "rgap"}}, "takes one update: switch together off"),
        ({"client": {"epochs": 2}}, "client 2: rounds are taken together where each is one step"),
        ({"client": {"rounds": 2}}, "a federation has rounds of its own"),
    ],
)
def test_what_cannot_be_taken_together_is_said(more, said):
    assert any(p.fatal and said in p.reason for p in federation_problems(asked(together=True, **more)))


def test_each_ending_has_its_words():
    rows = [
        {"rounds": n, "rank": r, "expected_error": 0.1, "exact": r == 9, "directions": 9} for n, r in ((1, 4), (2, 9))
    ]
    assert of_client([(3, rows[1])]) == "exact in round 3"
    assert of_client([(1, rows[0])]) == "safe from exact recovery in round 1 (4 of 9 directions shown)"
    assert of_client([(1, rows[0]), (4, rows[0])]).endswith("not exact by round 4 (4)")
    assert of_client([(1, rows[0]), (4, rows[1])]).endswith("exact in round 4")
    assert exposures([{"round": 1, "clients": [{"client": 1, "error": "no"}]}]) == {}

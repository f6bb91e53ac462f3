"""What the server sends, as settings: written, read, checked, and no part of an honest question."""

from __future__ import annotations

import pytest

from gi_core.reports import commands, repeat
from gi_core.settings import Experiment, SpecError, build, parse_component, problems
from gi_core.settings.base import identity
from gi_core.settings.parse import changed
from tests.runs_helpers import tiny

FISHING = {"kind": "fishing", "of_class": 2}
FOUR = [f"bundled/faces:{k}" for k in range(4)]


def reasons(fatal: bool = True, **changes) -> str:
    changes = {"attack": {"kind": "levenberg_marquardt"}} | changes
    asked = build(
        tiny().model_dump(mode="json") | {"samples": FOUR, "labels": [0, 2, 1, 3], "server": FISHING} | changes
    )
    return " ".join(p.reason for p in problems(asked) if p.fatal == fatal)


def test_an_honest_server_leaves_the_key_of_a_question_as_it_was():
    assert Experiment().key() == "f7faa119479eb698"
    assert build({"server": {"kind": "fishing"}}).key() != Experiment().key()


def test_softness_at_zero_is_no_part_of_what_identifies_a_question():
    asked = build({"server": FISHING})
    assert (
        asked.key()
        == build({"server": FISHING | {"softness": 0.0}}).key()
        != build({"server": FISHING | {"softness": 0.1}}).key()
    )
    assert "softness" not in identity(asked.server)


def test_a_command_line_calls_the_class_by_its_name():
    asked = parse_component("server", "fishing:class=2")
    assert asked.of_class == 2 and asked.name == "fishing:class=2"
    with pytest.raises(SpecError, match="no setting 'klass'.*of_class"):
        parse_component("server", "fishing:klass=2")
    with pytest.raises(SpecError, match="did you mean 'fishing'"):
        parse_component("server", "fisching")


def test_command_and_program_repeat_the_server():
    asked = changed(tiny(), {"server": FISHING})
    assert "--server fishing:class=2" in commands.command(asked)
    assert "fishing:class=2" in repeat.repeat(asked.model_dump(mode="json"))
    assert "--server" not in commands.command(tiny())


def test_what_cannot_be_fished_is_refused_in_a_sentence():
    assert not reasons()
    assert "classes 0 to 3" in reasons(server={"kind": "fishing", "of_class": 4})
    assert "choose one of 0, 1, 3" in reasons(labels=[0, 0, 1, 3])
    assert "cross-entropy" in reasons(client={"loss": "mse"})
    assert "share of the fished class" in reasons(client={"label_smoothing": 0.1})
    assert "blends" in reasons(defenses=[{"kind": "precode"}])
    assert "last layer's bias" in reasons(model={"kind": "cnn6", "logits": "classes", "classes": 4})


def test_what_makes_fishing_less_than_exact_is_said_before_the_run():
    steps = {"client": {"kind": "fedavg", "epochs": 2}, "attack": {"kind": "inverting_gradients"}}
    assert "exact for one local step" in reasons(fatal=False, **steps)
    resnet = {"model": {"kind": "resnet18", "classes": 4}, "client": {"batch_norm": "train"}, "size": 32, "channels": 3}
    assert "approximate" in reasons(fatal=False, **resnet)


def test_of_a_fished_batch_the_attack_is_asked_for_one_picture():
    alone = {"labels": [0, 2, 1, 3], "samples": FOUR, "size": 32}
    for kind in ("rgap", "peeling", "levenberg_marquardt"):
        attack = {"kind": kind, **({"labels": "observed_delta"} if kind == "levenberg_marquardt" else {})}
        honest, fished = (
            build(tiny().model_dump(mode="json") | alone | {"attack": attack} | own)
            for own in ({}, {"server": FISHING})
        )
        assert any(p.fatal for p in problems(honest)), kind
        assert not any(p.fatal for p in problems(fished)), kind
    added_up = {"client": {"kind": "fedavg", "epochs": 1, "clients": 2}}
    assert not reasons(**added_up)
    assert "works on one gradient" in reasons(server={"kind": "honest"}, **added_up)

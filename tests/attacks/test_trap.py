"""Traps in the first dense layer: rows that one picture alone switches on give it away, and no row of several is said to."""

from __future__ import annotations

import pytest
import torch

from gi_core.analysis.model_check import check
from gi_core.networks.building import build
from gi_core.networks.trap import trapped, traps
from gi_core.settings import SpecError, parse_component, problems
from gi_core.settings.servers import Trap
from gi_core.settings.trap_checks import NO_ROWS, NO_SWITCH
from tests.attacks.test_imprint import answered, errors, question

MLP = {"kind": "mlp", "hidden": 128, "classes": 2}


def caught(pictures: int = 8, through: float = 0.1, **values):
    values = {"model": MLP, "server": {"kind": "trap", "through": through}} | values
    return question(pictures=pictures, **values)


@pytest.mark.parametrize(
    "values", [{}, {"normalise": "0.5/0.25"}, {"client": {"kind": "fedavg", "epochs": 1, "learning_rate": 0.5}}]
)
def test_every_picture_that_is_said_to_be_alone_is_one(values):
    asked = caught(**values)
    made, state, step = answered(asked)
    assert state["alone"] >= 4 and made.proof is not None and "traps" in step.note
    near = errors(asked, state)[: state["alone"]]
    assert float(near.max()) < 1e-6
    truth = torch.from_numpy(asked.pictures.images).double().flatten(1)
    found = state["pictures"][: state["alone"]].flatten(1)
    places = ((found[:, None] - truth[None]) ** 2).mean(-1).argmin(1)
    assert len(set(places.tolist())) == state["alone"]  # each picture once, however many rows hold it
    assert state["labels"][: state["alone"]].tolist() == asked.round.labels[places].tolist()


def test_softened_traps_still_give_pictures_and_bins_much_less():
    asked = caught(server={"kind": "trap", "through": 0.1, "softness": 0.3})
    _, state, _ = answered(asked)
    assert state["alone"] >= 3 and float(errors(asked, state)[: state["alone"]].max()) < 1e-6
    hard, soft = (
        answered(question(bins=64, server={"kind": "imprint", "bins": 64, "softness": s}))[1] for s in (0.0, 0.3)
    )
    assert hard["alone"] >= 4 > (soft["alone"] or 0)


def test_rows_that_let_half_of_the_pictures_through_are_never_said_to_hold_one_in_vain():
    asked = caught(through=0.5)
    _, state, step = answered(asked)
    assert state["alone"] < 8 and "hold several" in step.note
    assert not state["alone"] or float(errors(asked, state)[: state["alone"]].max()) < 1e-4


def test_a_unit_lets_as_many_public_pictures_through_as_was_asked():
    model = build(parse_component("model", "mlp:hidden=64,classes=2"), (1, 12, 12), 2)
    whole = trapped(model, Trap(through=0.2), (1, 12, 12), (0.0,), (1.0,))
    layer = next(m for m in whole.modules() if isinstance(m, torch.nn.Linear))
    assert traps(layer) == 1.0 and trapped(whole, Trap(), (1, 12, 12), (0.0,), (1.0,)) is whole
    found = check(whole)
    assert found["suspicious"] and "let few pictures through" in found["sentence"] and not check(model)["suspicious"]


@pytest.mark.parametrize(
    ("model", "reason"), [({"kind": "lenet", "classes": 2}, NO_ROWS), (MLP | {"activation": "tanh"}, NO_SWITCH)]
)
def test_a_network_without_such_rows_is_refused_in_a_sentence(model, reason):
    try:
        asked = caught(model=model).experiment
    except SpecError as error:
        assert str(error) == reason
        asked = question(server={"kind": "honest"}, model=model).experiment.model_copy(update={"server": Trap()})
    assert reason in [p.reason for p in problems(asked) if p.fatal]

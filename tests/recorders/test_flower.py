"""The mod for Flower, with small stand-ins for the framework."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from gi_core.recorders import flower
from gi_core.recorders.gate import Gate
from gi_core.recorders.rounds import Unrecorded
from tests.recorders.rounds_helpers import AFTER, BEFORE, expect_recorded, interpreter, says


class FakeArray:
    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value


def message(values=None, config=None, error=None):
    """flwr.app.Message, as far as the recorder uses it."""
    records = {} if values is None else {"arrays": {k: FakeArray(v) for k, v in values.items()}}
    content = types.SimpleNamespace(array_records=records, config_records={"config": config or {}})
    return types.SimpleNamespace(content=content, has_content=lambda: error is None, has_error=lambda: bool(error))


class FakeState(dict):
    @property
    def config_records(self):
        return self


@pytest.fixture
def flwr(monkeypatch):
    app, common, constant = (types.ModuleType(n) for n in ("flwr.app", "flwr.common", "flwr.common.constant"))
    app.ConfigRecord = dict
    app.Error = lambda code, reason: (code, reason)
    app.Message = lambda error, reply_to: ("error reply", error, reply_to)
    constant.ErrorCode = types.SimpleNamespace(MOD_FAILED_PRECONDITION=6)
    for module in (types.ModuleType("flwr"), app, common, constant):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def context(partition=1):
    config = {} if partition is None else {"partition-id": partition}
    return types.SimpleNamespace(node_config=config, node_id=99, state=FakeState())


def test_the_mod_records_and_passes_the_reply_on(tmp_path):
    reply = message(AFTER)
    asked = message(BEFORE, {"server-round": 5})
    assert flower.recorder(str(tmp_path))(asked, context(), lambda m, c: reply) is reply
    assert expect_recorded(tmp_path, "round5_client1")["framework"] == "flower"


@pytest.mark.parametrize("reply", [message(None), message(error="it broke")])
def test_evaluation_and_failed_clients_pass(tmp_path, reply):
    asked = message(BEFORE, {"server-round": 5})
    assert flower.recorder(str(tmp_path / "r"))(asked, context(), lambda m, c: reply) is reply
    asked = message(None)
    assert flower.recorder(str(tmp_path / "r"))(asked, context(), lambda m, c: reply) is reply
    assert not (tmp_path / "r").exists()


def test_rounds_are_counted_where_the_server_does_not_say(tmp_path, flwr):
    here, mod = context(None), flower.recorder(str(tmp_path))
    for _ in range(2):
        mod(message(BEFORE), here, lambda m, c: message(AFTER))
    assert sorted(p.name for p in tmp_path.glob("about_*")) == [
        "about_round1_client99.json",
        "about_round2_client99.json",
    ]


def test_a_withheld_update_leaves_as_an_error_that_tells_no_more(tmp_path, flwr):
    asked = message(BEFORE, {"server-round": 5})
    gate = Gate(interpreter(tmp_path, says(False, 2.5, 3)))
    kind, (code, reason), to = flower.recorder(str(tmp_path), gate=gate)(asked, context(), lambda m, c: message(AFTER))
    assert kind == "error reply" and code == 6 and to is asked and "2.5" not in reason and "withheld" in reason
    strange = message({**AFTER, "more": np.zeros(1)})
    with pytest.raises(Unrecorded):
        flower.recorder(str(tmp_path))(asked, context(), lambda m, c: strange)
    assert flower.recorder(str(tmp_path), gate=gate)(asked, context(), lambda m, c: strange)[0] == "error reply"

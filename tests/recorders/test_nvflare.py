"""The filter for NVFlare, with small stand-ins for the framework."""

from __future__ import annotations

import importlib
import sys
import types

import pytest

from gi_core.recorders.rounds import Unrecorded
from tests.recorders.rounds_helpers import AFTER, BEFORE, expect_recorded, interpreter, says


class FakeFilter:
    """nvflare.apis.dxo_filter.DXOFilter, as far as the recorder uses it."""

    def __init__(self, supported, chosen):
        self.supported, self.data_kinds = supported, chosen


class Fields:
    """A DXO, a Shareable or an FLContext."""

    def __init__(self, **values):
        self.__dict__.update(values, props={})

    def get_header(self, key, default=None):
        return self.headers.get(key, default)

    def set_prop(self, key, value, private, sticky):
        assert private and sticky
        self.props[key] = value

    def get_prop(self, key, default=None):
        return self.props.get(key, default)

    def get_identity_name(self):
        return "site-1"


@pytest.fixture
def nvflare(monkeypatch):
    made = types.ModuleType("nvflare.apis.dxo_filter")
    made.DXOFilter = FakeFilter
    for name, module in (("nvflare", types.ModuleType("nvflare")), ("nvflare.apis", types.ModuleType("nvflare.apis"))):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, made.__name__, made)
    monkeypatch.delitem(sys.modules, "gi_core.recorders.nvflare", raising=False)
    yield importlib.import_module("gi_core.recorders.nvflare")
    sys.modules.pop("gi_core.recorders.nvflare", None)
    vars(sys.modules["gi_core.recorders"]).pop("nvflare", None)


def ends(nvflare, folder, **more):
    """The two instances that NVFlare makes of an attached recorder, and what one client's task passes through them."""
    first, last = (nvflare.RoundRecorder(str(folder), **more) for _ in range(2))
    setattr(first, "__chain_type", "task_data")
    setattr(last, "__chain_type", "task_result")
    return first, last, Fields()


@pytest.mark.parametrize("kind", ["WEIGHTS", "WEIGHT_DIFF"])
def test_the_filter_records_either_kind(nvflare, tmp_path, kind):
    first, last, context = ends(nvflare, tmp_path)
    assert first.data_kinds == ["WEIGHTS", "WEIGHT_DIFF"]
    incoming = Fields(data_kind="WEIGHTS", data=dict(BEFORE))
    assert first.process_dxo(incoming, Fields(headers={"current_round": 7}), context) is None
    sent = AFTER if kind == "WEIGHTS" else {k: AFTER[k] - BEFORE[k] for k in AFTER}
    outgoing = Fields(data_kind=kind, data={**sent})
    assert last.process_dxo(outgoing, Fields(headers={}), context) is None, "it passes as it is"
    assert outgoing.data.keys() == sent.keys()
    assert expect_recorded(tmp_path, "round7_site-1")["framework"] == "nvflare"


def test_the_filter_empties_what_is_withheld(nvflare, tmp_path):
    gate = {"python": interpreter(tmp_path, says(False, 2.5, 3)), "threshold": 1.0}
    first, last, context = ends(nvflare, tmp_path, gate=gate)
    first.process_dxo(Fields(data_kind="WEIGHTS", data=BEFORE), Fields(headers={"current_round": 0}), context)
    outgoing = Fields(data_kind="WEIGHTS", data=dict(AFTER))
    assert last.process_dxo(outgoing, Fields(headers={"current_round": 0}), context) is outgoing
    assert outgoing.data == {}
    assert expect_recorded(tmp_path, "round0_site-1")["audit"]["leaked"] == 2.5


def test_a_filter_that_never_saw_the_global_weights_raises_or_withholds(nvflare, tmp_path):
    _, last, context = ends(nvflare, tmp_path)
    outgoing = Fields(data_kind="WEIGHT_DIFF", data=dict(AFTER))
    with pytest.raises(Unrecorded, match="attach"):
        last.process_dxo(outgoing, Fields(headers={"current_round": 0}), context)
    _, last, context = ends(nvflare, tmp_path, gate={"python": interpreter(tmp_path, says(True, 0.0))})
    assert last.process_dxo(outgoing, Fields(headers={"current_round": 0}), context).data == {}


def test_attach_puts_it_at_both_ends(nvflare, tmp_path):
    calls = []
    recipe = types.SimpleNamespace(
        add_client_input_filter=lambda f, tasks: calls.append(("in", f.folder, tasks)),
        add_client_output_filter=lambda f, tasks: calls.append(("out", f.folder, tasks)),
    )
    nvflare.attach(recipe, str(tmp_path))
    assert calls == [("in", str(tmp_path), ["train"]), ("out", str(tmp_path), ["train"])]

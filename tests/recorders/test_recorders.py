"""The recorders' logic with small stand-ins for the frameworks, and a gate that fails closed."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from gi_core.recorders import flower
from gi_core.recorders.gate import Gate
from gi_core.recorders.rounds import Origin, Unrecorded, arrays, checked, difference, judged

ROOT = Path(__file__).resolve().parents[2]
BEFORE = {
    "fc.weight": np.array([[1.0, 2.0]], np.float32),
    "bn.running_mean": np.array([0.5], np.float32),
    "bn.num_batches_tracked": np.array(3, np.int64),
}
AFTER = {
    "fc.weight": np.array([[1.5, 1.0]], np.float32),
    "bn.running_mean": np.array([0.75], np.float32),
    "bn.num_batches_tracked": np.array(4, np.int64),
}


def read(folder: Path, kind: str, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{kind}_{name}.npz") as file:
        return {key: file[key] for key in file.files}


def expect_recorded(folder: Path, name: str) -> dict:
    change = read(folder, "updates", name)
    assert change["fc.weight"].tolist() == [[0.5, -1.0]] and change["bn.num_batches_tracked"] == 1
    assert read(folder, "batchnorm", name)["bn.running_mean"].tolist() == [0.75]
    assert (folder / f"{name}_global.safetensors").is_file()
    return json.loads((folder / f"about_{name}.json").read_text())


def interpreter(tmp_path: Path, body: str) -> str:
    """A stand-in for an interpreter: whatever it is asked, it runs this shell line."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def says(send: object, leaked: object, code: int = 0) -> str:
    answer = json.dumps({"send": send, "leaked": leaked, "threshold": 1.0, "sentence": "so it is"})
    return f"echo working; echo '{answer}'; exit {code}"


# --- what every framework shares ---------------------------------------------------------------------------------


def test_recorders_load_neither_torch_nor_a_framework():
    code = (
        "import sys; import gi_core.recorders.nvflare, gi_core.recorders.flower, gi_core.update_files.writing\n"
        "print([n for n in ('torch', 'pydantic', 'scipy', 'PIL', 'flwr', 'ray', 'streamlit') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_the_framework_the_filter_says_how_to_get_it():
    from gi_core.recorders import nvflare

    with pytest.raises(ModuleNotFoundError, match="requirements-nvflare.txt"):
        nvflare.RoundRecorder("rounds")


def test_a_round_is_change_statistics_and_a_note(tmp_path):
    origin = Origin("test", "site 1/../x", 4)
    assert origin.name == "round4_site-1-..-x"
    decision = judged(tmp_path, BEFORE, difference(AFTER, BEFORE), origin)
    assert decision.send
    note = expect_recorded(tmp_path, origin.name)
    assert note == {
        "framework": "test", "client": "site 1/../x", "round": 4, "entries": 3, "statistics": True, "audit": None
    }  # fmt: skip


def test_the_note_says_where_statistics_are_not_shared(tmp_path):
    before = {"0": np.zeros(2, np.float32)}
    judged(tmp_path, before, difference({"0": np.ones(2, np.float32)}, before), Origin("test", "a", 1))
    assert json.loads((tmp_path / "about_round1_a.json").read_text())["statistics"] is False
    assert not (tmp_path / "batchnorm_round1_a.npz").exists()


def test_entries_must_be_those_received():
    with pytest.raises(Unrecorded, match="'fc.bias' was not received"):
        difference({**AFTER, "fc.bias": 0}, BEFORE)
    with pytest.raises(Unrecorded, match="'fc.weight' was not sent back"):
        difference({k: v for k, v in AFTER.items() if k != "fc.weight"}, BEFORE)
    with pytest.raises(Unrecorded, match="another shape"):
        difference({**AFTER, "fc.weight": np.zeros(2)}, BEFORE)
    with pytest.raises(Unrecorded, match="not received"):
        checked({"fc.bias": np.zeros(1)}, BEFORE)


def test_what_is_remembered_does_not_move_with_training():
    live = {"w": np.zeros(2)}
    kept = arrays(live)
    live["w"] += 1
    assert kept["w"].tolist() == [0, 0] and arrays({"n": 3})["n"].shape == ()


# --- the gate ----------------------------------------------------------------------------------------------------


def test_the_gate_asks_with_the_rounds_files_and_its_own_threshold(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/of/the/framework")
    answer = json.dumps({"send": True, "leaked": 0.25, "sentence": "well below"})
    body = f'printf "%s\\n" "$@" "[$PYTHONPATH]" "$(pwd)" > {tmp_path}/asked; echo \'{answer}\''
    gate = Gate(interpreter(tmp_path, body), ("--model", "lenet"), threshold=0.5, folder=str(tmp_path))
    decision = judged(tmp_path / "rounds", BEFORE, difference(AFTER, BEFORE), Origin("test", "a", 1), gate=gate)
    assert decision.send and decision.leaked == 0.25 and decision.sentence == "well below"
    asked = (tmp_path / "asked").read_text().splitlines()
    where = tmp_path / "rounds"
    assert asked == [
        "-m", "gi_core", "audit", "--checkpoint", f"{where}/round1_a_global.safetensors", "--update",
        f"{where}/updates_round1_a.npz", "--bn-stats", f"{where}/batchnorm_round1_a.npz", "--model", "lenet",
        "--threshold", "0.5", "--json", "[]", str(tmp_path),
    ]  # fmt: skip
    audit = json.loads((where / "about_round1_a.json").read_text())["audit"]
    assert audit == {"send": True, "sentence": "well below", "leaked": 0.25, "threshold": 0.5}


@pytest.mark.parametrize(
    "body, reason",
    [
        (says(False, 1.7, 3), "so it is"),
        (says(False, None, 3), "so it is"),
        ("echo 'error: the prior cannot be read' >&2; exit 2", "the prior cannot be read"),
        ("exit 1", "it ended with code 1"),
        ("echo no json", "it ended with code 0"),
        (says(True, 0.1, 1), "contradicts itself"),
        (says(True, 1.7), "contradicts itself"),
        (says(True, None), "contradicts itself"),
        (says("yes", 0.1), "so it is"),
        ("echo '[1]'", "it ended with code 0"),
        ('echo \'{"send": true, "leaked": NaN, "sentence": ""}\'', "contradicts itself"),
        ("sleep 30 & sleep 30", "longer than 0.5 seconds"),
    ],
)
def test_whatever_is_no_clear_yes_withholds(tmp_path, body, reason):
    slow = 0.5 if "sleep" in body else 30
    decision = Gate(interpreter(tmp_path, body), seconds=slow).decide(())
    assert not decision.send and reason in decision.sentence


def test_an_interpreter_that_is_not_there_withholds(tmp_path):
    assert "could not be started" in Gate(str(tmp_path / "none")).decide(()).sentence


def test_a_round_that_cannot_be_written_withholds_with_a_gate_and_raises_without(tmp_path):
    (tmp_path / "file").write_text("")
    change, origin = difference(AFTER, BEFORE), Origin("test", "a", 1)
    decision = judged(tmp_path / "file", BEFORE, change, origin, gate=Gate(interpreter(tmp_path, says(True, 0.0))))
    assert not decision.send and "could not be written" in decision.sentence
    with pytest.raises(OSError):
        judged(tmp_path / "file", BEFORE, change, origin)


# --- NVFlare -----------------------------------------------------------------------------------------------------


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


# --- Flower ------------------------------------------------------------------------------------------------------


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


# --- the examples' network ---------------------------------------------------------------------------------------


def test_the_examples_network_trains_as_torch_does(monkeypatch):
    import torch

    from gi_core.networks import build
    from gi_core.settings.custom import CustomNet

    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    network = importlib.import_module("network")
    drawn = CustomNet(**json.loads((ROOT / "examples" / "network.json").read_text()))
    before = network.fresh(3)
    model = build(drawn, (1, network.SIDE, network.SIDE), network.CLASSES)
    model.load_state_dict({name: torch.tensor(value) for name, value in before.items()})
    images, labels = (np.concatenate(part) for part in zip(*map(network.picture, (0, 1)), strict=True))
    optimiser = torch.optim.SGD(model.train().parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.tensor(images)), torch.tensor(labels)).backward()
        optimiser.step()
    after = network.train(before, images, labels, steps=3)
    assert after["layer1_bn.num_batches_tracked"] == 3
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(after[name], value.numpy(), atol=1e-6, err_msg=name)
        assert name.endswith("tracked") or np.abs(after[name] - before[name]).max() > 1e-3, "it has moved"

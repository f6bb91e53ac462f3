"""Files made to harm: each is one sentence, soon, whatever it says of itself."""

from __future__ import annotations

import io
import os
import pickle
import signal
import threading

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi_core.common import vetting
from gi_core.common.vetting import vetted
from gi_core.settings import SpecError
from gi_core.tensor_files.reading import read_arrays
from gi_core.tensor_files.weights import load_state, read_state
from gi_core.update_files.round import arrays
from tests.tensor_files.hostile import refusal


def tensors() -> dict[str, torch.Tensor]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "a sparse tensor": torch.eye(3).to_sparse(),
            "a sparse tensor ": torch.eye(4).to_sparse_csr(),
            "without values (meta)": torch.empty(3, device="meta"),
            "a quantised tensor": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
            "complex numbers": torch.ones(3, dtype=torch.complex64),
            "of the kind float8_e4m3fn": torch.ones(3).to(torch.float8_e4m3fn),
            "unpack to more": torch.zeros(1).expand(2**30),
        }


@pytest.mark.parametrize("says", tensors())
def test_tensors_that_are_no_plain_numbers_are_named(tmp_path, says):
    file = tmp_path / "w.pt"
    torch.save({"good": torch.ones(2), "bad": tensors()[says]}, file)
    for said in (refusal(read_state, file, "w.pt"), refusal(lambda f: arrays(str(f)), file)):
        assert says.strip() in said or "hold code" in said or "no weights file" in said
        assert says.strip() in said or says.startswith("a quantised")  # torch itself refuses some of them


def test_plain_tensors_of_every_kind_are_read(tmp_path):
    given = {
        "parameter": torch.nn.Parameter(torch.ones(2, 2)), "half": torch.ones(2).half(), "whole": torch.tensor([1, 2]),
        "truth": torch.tensor([True]), "brain": torch.ones(2, dtype=torch.bfloat16), "turned": torch.ones(2, 3).T,
        "scalar": torch.tensor(3.0), "empty": torch.zeros(0, 3), "negative": torch.ones(2)._neg_view(),
    }  # fmt: skip
    torch.save(given, tmp_path / "w.pt")
    read = arrays(str(tmp_path / "w.pt"))[0]
    assert list(read) == list(given)
    for key, value in given.items():
        np.testing.assert_array_equal(read[key], value.detach().float().resolve_neg().numpy())


def test_a_reading_that_ends_its_process_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x")
    for name, read in (
        ("ended a process", lambda: os.kill(os.getpid(), signal.SIGALRM)),
        ("more than", lambda: bytearray(2**40)),
        ("own words", lambda: (_ for _ in ()).throw(SpecError("own words"))),
    ):
        monkeypatch.setattr(vetting, "_known", {})
        assert name in refusal(vetted, tmp_path / "a", "a file", read)
    monkeypatch.setattr(vetting, "_known", {})
    monkeypatch.setattr(vetting, "WALL_SECONDS", 0.2)
    assert "longer than" in refusal(vetted, tmp_path / "a", "a file", lambda: threading.Event().wait(100))
    monkeypatch.setattr(vetting, "_known", {})
    vetted(tmp_path / "a", "a file", lambda: 1 / 0)  # the process itself meets the same, and says it


SEEDS: list[bytes] = []


def seeds() -> list[bytes]:
    if not SEEDS:
        buffer = io.BytesIO()
        np.savez(buffer, a=np.ones((2, 3), np.float32), b=np.array({"w": np.ones(3)}, dtype=object))
        SEEDS.append(buffer.getvalue())
        buffer = io.BytesIO()
        torch.save({"w": torch.ones(2, 3), "n": torch.tensor(3)}, buffer)
        SEEDS.append(buffer.getvalue())
        from safetensors.torch import save

        SEEDS.append(save({"w": torch.ones(2, 3)}))
        SEEDS.append(pickle.dumps({"w": np.ones(3)}))
    return SEEDS


@given(
    st.integers(0, 3),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=0, max_size=4)), max_size=4),
    st.floats(0, 1),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_to_a_file_ends_in_a_traceback(tmp_path, which, changes, cut):
    content = bytearray(seeds()[which])
    for where, what in changes:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    if cut > 0.8:
        del content[int((cut - 0.8) * 5 * len(content)) :]
    file = tmp_path / "any"
    file.write_bytes(content)
    for read in (lambda: read_arrays(file, "any"), lambda: read_state(file, "any"), lambda: arrays(str(file))):
        try:
            read()
        except SpecError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("value", ["1e308", "int8", "bool", "int64", "uint16", "nan"])
def test_weights_that_the_network_cannot_hold_are_refusal(tmp_path, value):
    """Not turned into infinities, nor codes of a quantised network taken for its values."""
    model = torch.nn.Linear(3, 2)
    before = model.weight.detach().clone()
    if value in ("1e308", "nan"):
        weight = torch.full((2, 3), float(value), dtype=torch.float64)
    else:
        weight = torch.ones(2, 3).to(getattr(torch, value))
    torch.save({"weight": weight, "bias": torch.zeros(2)}, tmp_path / "w.pt")
    said = refusal(load_state, model, read_state(tmp_path / "w.pt", "w.pt"), "w.pt")
    assert "not finite" in said if value in ("1e308", "nan") else "whole numbers in weight" in said
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
def test_weights_of_other_real_kinds_are_taken(tmp_path, kind):
    model = torch.nn.Linear(3, 2)
    torch.save({"weight": torch.full((2, 3), 0.5).to(getattr(torch, kind)), "bias": torch.zeros(2)}, tmp_path / "w.pt")
    load_state(model, read_state(tmp_path / "w.pt", "w.pt"), "w.pt")
    assert (model.weight == 0.5).all()

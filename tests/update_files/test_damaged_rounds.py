"""Files of a recorded round that are damaged, cut off, not finite, or hold code."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from gi_core import networks
from gi_core.settings import SpecError, build
from gi_core.settings.recorded_round import Recorded
from gi_core.tensor_files.reading import read_arrays
from gi_core.update_files.round import read_round
from gi_core.update_files.writing import write_npz, write_round, write_safetensors
from tests.tensor_files.hostile import Runs, refusal
from tests.update_files.recorded import SMALL, played, written


@pytest.mark.parametrize("pickled", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite(tmp_path, value, pickled):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=pickled)
    bad = dict(change, **{"fc.bias": np.array([1, value, 1])})
    if pickled:
        np.savez(recorded.update, weights=np.array(bad, dtype=object))
    else:
        write_npz(Path(recorded.update), bad)
    assert "not finite in fc.bias" in refusal(read_round, network, recorded)
    if value != 1e300:
        write_round(tmp_path, {**before, "fc.bias": np.full(3, value, np.float32)}, change, name="bad", pickled=pickled)
        file = tmp_path / f"bad_global{'.pt' if pickled else '.safetensors'}"
        whole = recorded.model_copy(update={"checkpoint": str(file)})
        assert "are not finite" in refusal(read_round, network, whole)


def test_cut_off_files(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=True)
    for part in ("checkpoint", "update", "statistics"):
        whole = Path(getattr(recorded, part)).read_bytes()
        for share in (0.0, 0.3, 0.95):
            cut = tmp_path / f"cut_{part}"
            cut.write_bytes(whole[: int(len(whole) * share)])
            refusal(read_round, network, recorded.model_copy(update={part: str(cut)}))
        gone = recorded.model_copy(update={part: str(tmp_path / "gone")})
        assert "No such file" in refusal(read_round, network, gone)


def test_a_checkpoint_with_code_is_refused_unexecuted(tmp_path):
    network, before, change, _ = played()
    recorded = written(tmp_path, before, change, pickled=True)
    marker = tmp_path / "executed"
    torch.save({"model": {"fc.weight": Runs(os.mkdir, str(marker))}}, recorded.checkpoint)
    assert "refused without running" in refusal(read_round, network, recorded)
    assert not marker.exists()


def test_uploads_are_named_by_their_digest_only(gi_home):
    assert "not on this machine" in refusal(
        read_round, networks.build(SMALL, (1, 12, 12), 3), Recorded(checkpoint="upload:" + "0" * 64, update="x")
    )
    assert build({"recorded": {"checkpoint": "a", "update": "b"}}).recorded.images == 1


def test_damage_anywhere_is_one_sentence_or_harmless(tmp_path):
    _, before, change, _ = played()
    np.savez_compressed(tmp_path / "a.npz", **change)
    np.savez(tmp_path / "b.npz", weights=np.array(change, dtype=object))
    write_safetensors(tmp_path / "c.safetensors", change)
    draw = np.random.default_rng(0)
    for file in sorted(tmp_path.iterdir()):
        whole = file.read_bytes()
        for _ in range(60 if "GI_FUZZ" in os.environ else 15):
            content = bytearray(whole)
            at = int(draw.choice([draw.integers(600), -1 - draw.integers(900), draw.integers(len(whole))]))
            content[at] = draw.integers(256)
            file.write_bytes(content)
            try:
                found, _ = read_arrays(file, "f")
            except SpecError as error:
                assert "\n" not in str(error)
            else:
                assert all(np.isfinite(v).all() for v in found.values())

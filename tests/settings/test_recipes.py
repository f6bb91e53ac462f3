"""The recipes of CONTRIBUTING.md: a defense is two new files, an attack is two, and no other line has to change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.copies import copied

DEFENSE = {
    "gi_core/settings/uniform_defenses.py": '''"""Noise of a bounded size."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.defense_base import DefenseSettings, Perturbation, Revealed


class UniformNoise(DefenseSettings):
    kind: Literal["uniform_noise"] = "uniform_noise"
    title: ClassVar[str] = "Uniform noise"
    description: ClassVar[str] = "Adds independent noise of a bounded size to every value of the update."
    perturbs: ClassVar[tuple[Perturbation, ...]] = ("noise",)
    reveals: ClassVar[frozenset[Revealed]] = frozenset({"sigma"})
    predicted: ClassVar[bool] = True

    half: float = setting(1e-3, "Largest size of the noise.", title="Half width", ge=0, le=1e3, basic=True)
''',
    "gi_core/defenses/uniform_noise.py": '''"""g' = g + n, n ~ U(-h, h)."""

from __future__ import annotations

from dataclasses import replace

import torch

from gi_core.defenses.base import Defense
from gi_core.types.updates import Update


class UniformNoise(Defense):
    """Server knows: sigma."""

    def filter_update(self, update: Update) -> Update:
        self.known["sigma"] = self.settings.half / 3**0.5
        noise = {k: torch.rand(t.shape, generator=self.generator).mul_(2).sub_(1).to(t) for k, t in update.tensors.items()}
        return replace(update, tensors={k: t + self.settings.half * noise[k] for k, t in update.tensors.items()})
''',
}
ATTACK = {
    "gi_core/settings/averaging_attacks.py": '''"""Attacks that answer with a mean."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.attack_base import LABELS_HELP, START_HELP, AnyStart, Labels
from gi_core.settings.base import setting
from gi_core.settings.matching_base import Matching


class Averaging(Matching):
    kind: Literal["averaging"] = "averaging"
    machine: ClassVar[str] = "matching.averaging:Averaging"
    title: ClassVar[str] = "Averaging"
    description: ClassVar[str] = "Searches several times and answers with the mean."
    paper: ClassVar[str] = "this project"

    trials: int = setting(2, "Independent starts.", title="Trials", ge=1, le=64, basic=True)
    iterations: int = setting(3, "Most iterations.", title="Iterations", ge=1, le=100_000, basic=True)
    learning_rate: float = setting(0.1, "Step size of Adam.", title="Step size", gt=0, le=10)
    labels: Labels = setting("auto", LABELS_HELP, title="Labels")
    start: AnyStart = setting("randn", START_HELP, title="Start")
    precision: Literal["float32", "float64"] = setting("float32", "Arithmetic of the attack.", title="Precision")
''',
    "gi_core/attacks/matching/averaging.py": '''"""The mean of all trials, as an answer."""

from __future__ import annotations

from torch import Tensor

from gi_core.attacks.base import State
from gi_core.attacks.matching.machine import GradientMatching


class Averaging(GradientMatching):
    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        return self.problem.pictures(state["best"]).mean(0), super().answer(state)[1]
''',
}
PROBE = """
import json
from streamlit.testing.v1 import AppTest
from gi_core import cli
from gi_core.cli.parser import parse
from gi_core.settings import ATTACKS, DEFENSES, build, parse_component, problems, read_experiment
from pages.shared import session
from tests.attacks.test_table import OPEN, TINY_ATTACKS, TINY_DEFENSES
from tests.pages.opened import Still
from tests.victims import advance, machine

session.Dispatcher = Still
arguments = parse(["attack", "--attack", "averaging:trials=3,adaptive=true", "--defense", "uniform_noise:half=0.05"])
attack, noise = parse_component("attack", arguments.attack), parse_component("defense", arguments.defense[0])
asked = build({"samples": ["bundled/faces:3"], "size": 8, "model": {"kind": "lenet", "width": 3, "init": "uniform"},
               "attack": attack.model_dump(), "defenses": [noise.model_dump()]})
built, pictures = machine(asked)
state, step = advance(built, built.init(0), 1)
said = step.events
state, step = advance(built, state, 5)
app = AppTest.from_file("app.py", default_timeout=60).run()
assert not app.exception, app.exception
options = [o for w in [*app.selectbox, *app.get("button_group")] for o in w.options]
print(json.dumps({
    "last": [list(ATTACKS)[-1], list(DEFENSES)[-1]], "name": asked.attack.name,
    "again": read_experiment(asked.model_dump_json()) == asked,
    "problems": [p.reason for p in problems(asked)], "said": said, "note": step.note,
    "shapes": [list(built.answer(state)[0].shape), list(pictures.shape)], "machine": type(built).__name__,
    "table": "averaging" in OPEN and "averaging" in TINY_ATTACKS and "uniform_noise" in TINY_DEFENSES,
    "options": [str(getattr(o, "content", o)) for o in options],
}))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of this one with both, in as many new files as the recipes say."""
    copy = copied(tmp_path_factory.mktemp("recipes"))
    for added in (DEFENSE, ATTACK):
        assert len(added) <= 2
        for name, text in added.items():
            assert not (copy / name).exists()
            (copy / name).write_text(text)
    return copy


def _python(tree: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree), "GI_HOME": str(tree / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.parametrize(("family", "kind"), [("attacks", "averaging"), ("defenses", "uniform_noise")])
def test_what_is_new_is_listed(tree, family, kind):
    listed = json.loads(_python(tree, "-m", "gi_core", "list", family, "--json"))
    assert listed[-1]["kind"] == kind and listed[-1]["fields"]


def test_what_is_new_is_asked_for_run_and_offered(tree):
    found = json.loads(_python(tree, "-c", PROBE).splitlines()[-1])
    assert found["last"] == ["averaging", "uniform_noise"] and found["again"] and found["table"]
    assert found["name"] == "averaging:adaptive=true,trials=3" and found["problems"] == []
    assert found["machine"] == "Averaging" and found["note"] and found["shapes"] == [[1, 1, 8, 8]] * 2
    assert any("the known defenses call for" in said for said in found["said"]), (
        "an adaptive attack allows for its noise"
    )
    assert "Averaging" in found["options"] and "Uniform noise" in found["options"]


@pytest.mark.slow
def test_what_is_new_is_in_the_table_of_every_defense_against_every_attack(tree):
    """By name: pytest fails on a row that is not there."""
    pair = "averaging-uniform_noise"
    rows = (
        f"attacks/test_table.py::test_every_defense_against_every_attack_runs_or_refuses[{pair}-weight change]",
        f"attacks/test_adaptive.py::test_knowing_runs_or_refuses_as_not_knowing_does[{pair}]",
        "defenses/test_declared.py::test_every_defense_declares_how_it_perturbs_and_what_it_reveals[uniform_noise]",
        "defenses/test_declared.py::test_a_server_learns_what_is_declared_and_nothing_else[uniform_noise]",
        "defenses/test_table.py::test_every_kind_is_found_and_keeps_names_and_shapes[uniform_noise]",
    )
    said = _python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{row}" for row in rows))
    assert f"{'.' * len(rows)} " in said

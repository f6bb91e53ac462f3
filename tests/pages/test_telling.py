"""Whatever a page says of a refusal, a problem, a notice or an error is a whole sentence, told in one way."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gi_core.jobs.job import Job
from gi_core.settings import ATTACKS, CLIENTS, DEFENSES, MODELS, SpecError, build, problems
from pages.shared.result import measures
from pages.shared.telling import sentence

ROOT = Path(__file__).resolve().parents[2]
PAGES = [p for p in sorted((ROOT / "pages").rglob("*.py")) if p.name != "telling.py"]
STOPPED = re.compile(r"[.?!…][\"'”’)]*$")


@pytest.mark.parametrize(
    "said, shown",
    [
        ("give one label for each picture: 2, not 1", "Give one label for each picture: 2, not 1."),
        ("attack.iterations: give 1 or more, not 0", "The setting attack.iterations: give 1 or more, not 0."),
        ("cat.png is not a picture", "cat.png is not a picture."),
        ("conv1.weight has another shape", "conv1.weight has another shape."),
        ("layer layer3 cannot be inverted: it is pooled", "Layer 3 cannot be inverted: it is pooled."),
        ("layer layer3.0.conv1 cannot be inverted", "Layer layer3.0.conv1 cannot be inverted."),
        ("is this all?", "Is this all?"),
        (" a worker looks… ", "A worker looks…"),
        ("it said “no.”", "It said “no.”"),
        ("§ 3 holds", "§ 3 holds."),
        ("", ""),
    ],
)
def test_a_capital_and_a_stop(said, shown):
    assert sentence(said) == shown
    assert sentence(shown) == shown, "told twice it stays as it is"


def _built(values):
    try:
        return build(values)
    except SpecError:
        return None


def _problems():
    """What the checks say of every attack with every client, network and defense."""
    pairs = itertools.chain(
        itertools.product(ATTACKS, CLIENTS, ["lenet"], [None], [1, 3]),
        itertools.product(ATTACKS, ["fedsgd"], MODELS, [None], [1, 3]),
        itertools.product(ATTACKS, ["fedsgd"], ["lenet"], DEFENSES, [1, 3]),
    )
    for attack, client, model, defense, count in pairs:
        values = {
            "samples": ["bundled/cat"] * count, "attack": {"kind": attack, "adaptive": True}, "client": {"kind": client},
            "model": {"kind": model}, "defenses": [{"kind": defense}] if defense else [], "size": 9,
        }  # fmt: skip
        experiment = _built(values)
        if experiment is not None:
            yield from (p.reason for p in problems(experiment))


def test_every_problem_is_shown_as_a_sentence():
    found = sorted(set(_problems()))
    assert len(found) > 20
    for reason in found:
        shown = sentence(reason)
        assert STOPPED.search(shown), shown
        assert shown[0].isupper() or shown[0].isdigit() or re.match(r"\w[\w.=/]*[._/=]\w", shown), shown
        assert ".." not in shown and "\n" not in shown, shown


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_page_tells_in_a_way_of_its_own(path):
    """An error, a worker's notice or a refusal goes through `telling`; what a page says itself is whole."""
    source = path.read_text("utf-8")
    assert '"gi-problem' not in source, "draw it with telling.problem"
    for call in (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)):
        name = ast.unparse(call.func)
        if name in ("st.error", "st.warning", "st.info", "st.success", "st.exception"):
            first = call.args[0]
            assert isinstance(first, ast.Constant), f"line {call.lineno}: tell it with telling"
            assert sentence(first.value) == first.value, f"line {call.lineno}"
        if name == "words.plain" or name.endswith("escape"):
            given = ast.unparse(call.args[0])
            assert not re.fullmatch(r"(str\()?(error|notice|reason|refused|.*\.error)\)?", given), f"line {call.lineno}"


def _card():
    from gi_core.jobs.job import Job
    from pages.shared.result import measures

    note = "the LPIPS weights are not on this machine; run: python -m gi_core fetch lpips"
    result = {"metrics": {"psnr": 20.0, "lpips": None, "lpips_note": note}}
    measures.draw(Job("r", "run", {}, "t", "done", "interactive", None, "", 0, None, None, result=result), True)


def test_a_note_in_place_of_a_value_is_a_sentence_on_its_card():
    shown = "".join(one.value for one in AppTest.from_function(_card).run().html)
    assert "<b>20.0 dB</b>" in shown
    assert (
        "<b>not measured</b><small>The LPIPS weights are not on this machine; run: python -m gi_core fetch lpips.</small>"
        in shown
    )


def test_a_stage_begins_with_a_capital_and_keeps_its_names():
    job = Job("r", "run", {}, "t", "running", "interactive", None, "", 0, None, None, {"stage": "training on CIFAR-10"})
    assert measures.sentence(job, True) == "Training on CIFAR-10"

"""One rule of words: every place that speaks of a picture says the same of the same numbers, and no place has a rule of its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gi_core.analysis.frontier import points
from gi_core.cli import report as terminal
from gi_core.deployment.cases import Case
from gi_core.deployment.outcome import outcome
from gi_core.experiments import audit
from gi_core.experiments.federation.leakage import leakage
from gi_core.experiments.sweeps import answers, table
from gi_core.experiments.sweeps.choices import Choice
from gi_core.figures import wall as figure
from gi_core.jobs.job import Job
from gi_core.lessons.measures import MEASURES
from gi_core.metrics import claims, evaluate
from gi_core.metrics.words import PERSON, Said, of_several, said
from gi_core.reports import federations, judging, swept
from gi_core.reports.taken import Run
from gi_core.types.result import read
from pages.federation.reading import Found, sentence
from pages.shared.result import measures, run_card
from pages.wall import cell

ROOT = Path(__file__).resolve().parents[1]
QUALITIES = {
    "exact": ({"mse": 1e-6, "psnr": 60.0, "ssim": 1.0, "iip_rank": 1},),
    "seen, found": ({"mse": 0.15, "psnr": 8.2, "ssim": 0.55, "iip_rank": 1},),
    "seen, not found": ({"mse": 0.15, "psnr": 8.2, "ssim": 0.5, "iip_rank": 12},),
    "smooth": ({"mse": 0.003, "psnr": 25.2, "ssim": 0.3, "iip_rank": 3},),
    "traces": ({"mse": 0.15, "psnr": 8.2, "ssim": 0.35, "iip_rank": 9},),
    "only found": ({"mse": 0.0235, "psnr": 16.3, "ssim": 0.19, "iip_rank": 1},),
    "nothing": ({"mse": 0.0235, "psnr": 16.3, "ssim": 0.19, "iip_rank": 40},),
    "behind the prior": ({"mse": 0.01, "psnr": 20.0, "ssim": 0.6, "iip_rank": 40, "rdlv": -0.2},),
    "like a blank": ({"mse": 0.01, "psnr": 20.0, "ssim": 0.6, "ssim_blank": 0.61, "psnr_blank": 20.5, "iip_rank": 40},),
    # Means would say traces and not found; one picture of the two is seen and found.
    "a batch": (
        {"mse": 0.01, "psnr": 20.0, "ssim": 0.6, "iip_rank": 1}, {"mse": 0.2, "psnr": 7.0, "ssim": 0.0, "iip_rank": 90}
    ),
}  # fmt: skip


def document(entries: tuple[dict, ...]) -> dict:
    metrics = {name: sum(e[name] for e in entries) / len(entries) for name in ("mse", "psnr", "ssim", "iip_rank")}
    attacker = {"loss": 0.0, "residual": 1e-7, "residuals": {}, "note": "", "at_floor": True}
    certainty = {"unique": False, "free_directions": 3, "directions": 9, "error_to_expect": 0.1, "sentence": "Matched."}
    found = read({
        "metrics": {**metrics, "iip_candidates": 200}, "per_image": [{**e, "index": k, "matched": k} for k, e in enumerate(entries)],
        "attacker": {**attacker, "certainty": certainty}, "trials": [], "status": "done", "out": "", "run_id": "x",
    })  # fmt: skip
    assert found is not None
    return {**found}


@pytest.mark.parametrize("entries", QUALITIES.values(), ids=QUALITIES)
def test_every_place_says_the_same(entries):
    found, told = document(entries), of_several(entries)
    job = Job("x", "run", {}, "", "done", "small", None, "", 0.0, None, None, result=found)
    row = {
        **table._words(found), **{n: found["metrics"][n] for n in ("mse", "psnr", "ssim", "iip_rank")}, "pictures": len(entries),
        "state": "done", "defenses": "none", "adaptive": False, "samples": "s", "seed": 0, "run_id": "x", "attack": "dlg", "size": 32, "x": 1,
    }  # fmt: skip
    assert measures.sentence(job, True).startswith(f"{told.label}:"), "lab"
    assert run_card.outcome(job).startswith(told.label), "runs"
    here = cell.judged(cell.of_result(found), found["metrics"], "psnr")
    assert (here.word, here.level) == (told.label, told.level) and "SSIM" in here.beside, "wall"
    assert figure.reading(row) == (told.level, told.label), "wall as a figure"
    assert (row["person"], row["machine"]) == (told.person, told.machine) and row["matched"] and not row["unique"], (
        "table"
    )
    assert claims.of_row(row).startswith(f"{told.label}; matched, not unique"), "frontier and sweeps"
    assert bool(points([row], "psnr")[0].seen) == (told.level == "exposed"), "frontier's advice"
    assert ("at every value" in answers.answer([row], Choice("x", "psnr", "")).seen) == (told.person in PERSON[:2]), (
        "sweep"
    )
    assert swept.levels([row]) == [told.level], "report of a sweep"
    run = Run("x", "", "done", {"samples": ["s"] * len(entries)}, found)
    assert judging.sentence(run).lower().startswith(f"{told.label}:") and judging.level(run) == told.level, "report"
    assert f"\n{told.label}: " in terminal.text(found) and "matched, not unique" in terminal.text(found), "terminal"
    leak = {"client": 1, "round": 1, "pictures": 1, **found["metrics"], "per_image": found["per_image"]}
    played = {"rounds": [{"round": 1, "accuracy": 0.5, "clients": [leak]}]}
    assert sentence(Found(played))[0] == federations.verdict(played)[0] == told.level, "federation"
    case = Case("honest", "", 1, 1, {})
    one = outcome(case, [{**row, "error": None}])
    assert one.level == told.level, "deployment"
    assert (MEASURES["seen"].of(found) >= 1) == (told.level == "exposed"), "lessons"
    known = claims.words_of(found)
    assert known["right"] == (told.person in PERSON[:2]) and (known["person"], known["machine"]) == (
        told.person,
        told.machine,
    )


def test_an_old_result_is_read_by_todays_rule():
    found = document(QUALITIES["traces"])
    old = {
        **found,
        "verdict": "not recognisable: so it was",
        "attacker": {"loss": 0.0, "residual": 0.5, "residuals": {}, "note": ""},
    }
    assert claims.words_of(old) == {
        "matched": None, "unique": None, "right": False, "person": "traces", "machine": "not found", "level": "partly",
    }  # fmt: skip
    assert "traces, not found" in terminal.text(old) and claims.told(claims.words_of(old)) == "not right"
    examined = {
        **found["attacker"],
        "certainty": {**found["attacker"]["certainty"], "unique": None, "sentence": "Not matched: 3 %."},
    }
    del examined["at_floor"]
    assert claims.matched(examined) is False


SMOOTH = 0.4 + 0.02 * np.linspace(-1, 1, 32) * np.ones((1, 1, 32, 32))
NOISE = np.random.default_rng(0).normal(size=(1, 1, 32, 32))
MEASURED = {
    "exact": (SMOOTH, SMOOTH), "seen": (SMOOTH + 0.1 * NOISE, SMOOTH + 0.13 * NOISE),
    "traces": (SMOOTH + 0.1 * NOISE, SMOOTH + 0.1 * NOISE + 0.2 * NOISE[..., ::-1]), "not seen": (SMOOTH, SMOOTH * 0 + 0.4),
}  # fmt: skip


@pytest.mark.parametrize("person", MEASURED)
def test_pictures_that_are_measured_elsewhere_get_the_words_of_the_lab(person):
    """An audit and a federation compare pictures by themselves; the last is blank beside a smooth original."""
    original, answer = MEASURED[person]
    assert said(evaluate(answer, original)["per_image"][0]).person == person, "lab"
    attacker = {
        "loss": 0.0,
        "at_floor": True,
        "certainty": {"unique": False},
        "noise": 0.0,
        "tolerance": 1e-6,
        "unexplained": 0.0,
    }
    document_ = {"status": "done", "attacker": attacker}
    _, more = audit.judged(document_, answer, original, None, 1.0, lambda: None)
    assert more["words"] == {
        "matched": True, "unique": False, "right": person in PERSON[:2], "person": person, "machine": "", "level": Said(person).level,
    }, "audit"  # fmt: skip
    assert of_several(leakage(answer, original, None)["per_image"]).person == person, "federation"


def sources() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in ("gi_core", "pages") for ending in ("py", "toml") for path in (ROOT / folder).rglob(f"*.{ending}")
    }  # fmt: skip


def test_no_other_place_has_thresholds_of_its_own():
    """A comparison of PSNR or SSIM with a number, or a table of levels by word."""
    compared = re.compile(r"\b(psnr|ssim)\b[^\n#]{0,24}(>=|<=|<|>)\s*-?\d*\.?\d+", re.I)
    allowed = {"gi_core/metrics/words.py", "gi_core/metrics/registry.py"}
    found = [
        f"{name}: {line.strip()}" for name, text in sources().items() if name not in allowed
        for line in text.splitlines() if compared.search(line)
    ]  # fmt: skip
    assert not found, found
    tables = [
        name
        for name, text in sources().items()
        if name not in allowed and re.search(r'"traces":\s*"(partly|exposed)', text)
    ]
    assert not tables, tables


def test_words_that_mixed_both_are_gone():
    gone = re.compile(r"\b(recogni[sz]able|traces only\b(?!\")|identifiable)\b", re.I)
    found = [
        f"{n}: {m.group()}"
        for n, text in sources().items()
        for m in gone.finditer(text)
        if n not in ("gi_core/metrics/verdicts.py",)
    ]
    assert not found, found

"""The comparison wall without a browser: the form, the table as runs come in, refusals, and the picture of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gi_core.jobs import sweeps
from gi_core.jobs.job import Point
from gi_core.jobs.snapshots import Snapshots, write_array
from gi_core.jobs.store import Store
from gi_core.settings import build
from gi_core.settings.sweep import Axis, Sweep
from pages.shared.experiment.defenses import naming
from pages.wall import cell, poster, question, view
from pages.wall import layout as layouts
from tests import pages_fakes as fakes
from tests.pages.opened import opened, text

NOISE = {"kind": "gaussian_noise", "std": 0.5}
PRUNED = {"kind": "pruning", "fraction": 0.3}


def wall(**query) -> AppTest:
    return opened("wall", **query)


def asked(**more) -> Sweep:
    attacks = ({"kind": "dlg"}, {"kind": "analytic_linear"})
    rows = (
        {"defenses": []},
        {"defenses": [NOISE]},
        {"defenses": [NOISE], "attack.adaptive": True},
        {"defenses": [PRUNED]},
    )
    values = [build({"attack": a}).attack.model_dump(mode="json") for a in attacks]
    return Sweep(
        name="Wall <b>bold</b>", base=build({"samples": ["bundled/faces:3"], **more}),
        axes=(Axis(name="Attack", path="attack", values=tuple(values)), Axis(name="Defense", values=rows)),
    )  # fmt: skip


def finish(store: Store, number: str, psnr: float, ssim: float = 0.25) -> None:
    """A job of the sweep as a worker would leave it."""
    out = fakes.writer(store)
    out.take(number)
    picture = fakes.original("coffee", 25)[None]
    write_array(out.folder(number) / "originals.npy", picture)
    Snapshots(out.folder(number)).write(3, (picture // 2)[None].astype(np.uint8))
    point = Point(3, 0.1, 0.1, {"total": 1.0}, [1.0], 0, psnr, 0.5)
    out.record(number, {"iteration": 3, "iterations": 3, "best": 0}, [point])
    result = fakes.result(point)
    result["metrics"] |= {"mse": 10 ** (-psnr / 10), "psnr": psnr, "ssim": ssim, "iip_rank": 9}
    out.finish(number, "done", {**result, "per_image": []})


@pytest.fixture
def started(store) -> str:
    """A wall of which three cells are done, one runs, and one column cannot be."""
    number = sweeps.start(store, asked())
    jobs = {e.position: e.job for e in sweeps.members(store, number) if e.job}
    for place, (psnr, ssim) in enumerate(((84.0, 1.0), (5.9, 0.1), (12.5, 0.25))):
        finish(store, jobs[place].id, psnr, ssim)
    out = fakes.writer(store)
    out.take(jobs[3].id)
    out.record(jobs[3].id, {"stage": "attacking", "iteration": 30, "iterations": 300}, [])
    return number


def cells(app: AppTest) -> str:
    (found,) = [h.value for h in app.html if "gi-wall" in h.value and "<table" in h.value]
    return found


def test_the_first_view_asks_for_a_default_wall_and_starts_nothing(store):
    app = wall()
    assert "Nothing has been run here yet" in text(app) and store.jobs(kinds=("sweep", "run")) == []
    assert not fakes.button(app, "wall_run").disabled and (
        "54 experiments, about " in text(app) and "each 8 s of attacking at most" in text(app)
    )
    assert [d.kind for d in app.session_state["wall.experiment"].defenses] == [d.kind for d in question.FIRST.defenses]


def test_the_button_queues_the_wall_and_its_link_brings_the_form_back(store):
    app = wall()
    (pills,) = [w for w in app.get("pills") if w.key.endswith("wall.attacks")]
    pills.set_value(["dlg", "peeling"]).run()
    fakes.button(app, "defense_content_copy_1").click().run()
    fakes.button(app, "wall_run").click().run()
    (parent,) = store.jobs(kinds=("sweep",))
    assert app.query_params["sweep"] == parent.id and not app.exception
    attacks, rows = sweeps.sweep_of(store, parent.id).axes
    assert [v["kind"] for v in attacks.values] == ["dlg", "peeling"] and attacks.values[0]["iterations"] == 300
    pruned = [label for label in rows.labels if label.startswith("Pruning")]
    assert len(pruned) == 2, "two equal rows are one: naive and knowing"
    assert "0 of" in text(app) and "waiting" in cells(app)
    again = wall(sweep=parent.id)
    assert (
        again.session_state["wall.plan"]["attacks"] == ["dlg", "peeling"] and again.session_state["wall.plan"]["both"]
    )
    kinds = [d.kind for d in again.session_state["wall.experiment"].defenses]
    assert kinds == [d.kind for d in question.FIRST.defenses]


def test_what_cannot_be_asked_says_why(store):
    app = wall()
    (pills,) = [w for w in app.get("pills") if w.key.endswith("wall.attacks")]
    pills.set_value([]).run()
    assert fakes.button(app, "wall_run").disabled and "Choose at least one attack." in text(app)
    pills = next(w for w in app.get("pills") if w.key.endswith("wall.attacks"))
    pills.set_value(["analytic_linear"]).run()
    assert fakes.button(app, "wall_run").disabled and "left out" in text(app)


def test_every_cell_says_how_it_stands_with_more_than_colour(started):
    page = cells(wall(sweep=started))
    for shown in (
        "gi-exposed",
        "●</i> exact",
        "84.0 dB",
        "○</i> not seen",
        "◐</i> traces",
        "▶</i> running",
    ):
        assert shown in page, shown
    assert 'style="width:10%"' in page, "how far the running one is"
    assert page.count("not possible") == 4 and "dense" in page, "a refused cell says why"
    assert page.count('href="./?run=') == 4, "a cell opens its run"
    assert "Gaussian noise, noise level 0.5" in page and "Pruning, share pruned 30 %" in page
    assert page.count("knows</small>") == page.count("unaware</small>") == 2 and 'alt="Original"' in page


def test_score_and_attacker_can_be_chosen(started):
    app = wall(sweep=started)
    app.get_by_key("wall_attackers").set_value("naive").run()
    assert "12.5 dB" not in cells(app) and "5.9 dB" in cells(app)
    app.get_by_key("wall_attackers").set_value("knowing").run()
    assert "12.5 dB" in cells(app) and "5.9 dB" not in cells(app) and "84.0 dB" in cells(app), "nothing to know"
    app.get_by_key("wall_score").set_value("ssim").run()
    assert "0.250" in cells(app) and "dB" not in cells(app)


def test_text_of_others_is_escaped(started):
    assert "<b>bold</b>" not in text(wall(sweep=started))


@pytest.mark.parametrize("number", ["0" * 12, "../../etc/passwd"])
def test_a_wrong_link_is_one_sentence(store, number):
    app = wall(sweep=number)
    assert len(app.warning) == 1 and "no such wall" in app.warning[0].value


def test_another_sweep_is_sent_to_its_page(store):
    other = Sweep(axes=(Axis(name="Seed", path="seed", values=(0, 1)),))
    app = wall(sweep=sweeps.start(store, other))
    assert "no wall" in app.warning[0].value


def test_the_layout_puts_every_experiment_in_its_cell():
    found = layouts.layout(asked())
    assert found.columns == ("DLG", "Analytic (dense layers)") and found.rows[0] == naming.NONE
    assert sorted(found.places.values()) == list(range(8)) and found.both
    assert found.places[1, 0, True] == 2 and (0, 0, True) not in found.places


def test_the_picture_holds_every_cell(started, store):
    sweep = sweeps.sweep_of(store, started)
    found, entries = layouts.layout(sweep), sweeps.members(store, started)
    cells, source = cell.table(found, entries, "psnr", cell.read), view.original(entries)
    one, both = (
        Image.open(io.BytesIO(poster.png(sweep, found, cells, source, "psnr", attackers)))
        for attackers in ((False,), (False, True))
    )
    assert (
        one.format == "PNG" and both.width - one.width == 2 * (poster.SIDE + poster.GAP) and both.height == one.height
    )
    tones = {
        tuple(int(t[k : k + 2], 16) for k in (1, 3, 5))
        for n, t in poster.TONES.items()
        if n in ("exposed", "protected")
    }
    assert tones <= {colour for _, colour in one.convert("RGB").getcolors(10**6)}, "levels are drawn"

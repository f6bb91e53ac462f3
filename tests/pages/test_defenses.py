"""What the client does so that less leaks, on the lab: chips, strengths, order, guarantees, measured effects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gi_core.experiments.measures import MEASURES
from gi_core.jobs.job import Job
from gi_core.reports import sent
from gi_core.settings import DEFENSES, build
from gi_core.settings.base import is_basic
from pages.shared import link
from pages.shared.experiment import fields, pairs
from pages.shared.experiment.defenses import strength, view
from pages.shared.experiment.knowing_pair import KNOWING
from tests import pages_fakes as fakes
from tests.pages.opened import form, lab, text, widget

TWO = [{"kind": "gaussian_noise", "std": 0.5}, {"kind": "pruning"}]


def kinds(app) -> list[str]:
    return [d.kind for d in form(app).defenses]


def test_every_kind_is_a_chip_in_one_group():
    grouped = [k for group in view.GROUPS.values() for k, d in DEFENSES.items() if d.changes in group]
    assert sorted(grouped) == sorted(DEFENSES)


@pytest.mark.parametrize("kind", list(DEFENSES))
def test_every_kind_is_chosen_drawn_and_left_out(store, kind):
    app = lab(experiment=link.encode(build({"defenses": [{"kind": kind}]})))
    assert kinds(app) == [kind] and DEFENSES[kind].title in text(app) and not app.exception
    fakes.button(app, "defense_close_0").click().run()
    assert kinds(app) == [] and not app.exception


@pytest.mark.parametrize("kind", list(DEFENSES))
def test_every_step_of_a_scale_is_allowed(kind):
    for name, field in DEFENSES[kind].model_fields.items():
        inner, optional = fields.inner_type(field.annotation)
        if is_basic(field) and inner in (int, float) and not optional:
            for value in strength.ladder(field, inner, field.default):
                DEFENSES[kind](**{name: value})


def test_a_scale_has_zero_where_that_is_allowed_and_the_value_itself():
    noise = DEFENSES["gaussian_noise"].model_fields["std"]
    steps = strength.ladder(noise, float, 0.0123)
    assert steps[0] == 0 and 0.0123 in steps and steps == sorted(steps)
    assert {0.001, 0.002, 0.005} <= set(steps)
    assert strength.ladder(DEFENSES["clipping"].model_fields["norm"], float, 1.0)[0] > 0


def test_scale_and_typed_value_follow_each_other(store):
    app = lab(experiment=link.encode(build({"defenses": TWO[:1]})))
    scale, typed = "defenses.0.std.gaussian_noise.scale", "defenses.0.std.gaussian_noise"
    assert widget(app, "select_slider", scale).value == 0.5
    widget(app, "number_input", typed).set_value(0.037).run()
    assert form(app).defenses[0].std == widget(app, "select_slider", scale).value == 0.037
    widget(app, "select_slider", scale).set_value(0.002).run()
    assert form(app).defenses[0].std == widget(app, "number_input", typed).value == 0.002


def test_order_can_be_changed_and_groups_keep_what_the_other_chose(store):
    app = lab(experiment=link.encode(build({"defenses": TWO})))
    fakes.button(app, "defense_arrow_upward_1").click().run()
    assert kinds(app) == ["pruning", "gaussian_noise"] and form(app).defenses[1].std == 0.5
    widget(app, "pills", "defenses.training").set_value(["dp_sgd"]).run()
    assert kinds(app) == ["pruning", "gaussian_noise", "dp_sgd"]
    widget(app, "pills", "defenses.update").set_value(["gaussian_noise"]).run()
    assert kinds(app) == ["gaussian_noise", "dp_sgd"]
    assert widget(app, "select_slider", "defenses.0.std.gaussian_noise.scale").value == 0.5
    fakes.button(app, "defense_close_0").click().run()
    assert kinds(app) == ["dp_sgd"] and widget(app, "pills", "defenses.update").value == []


def test_guarantees_are_said_and_epsilon_follows_the_noise(store):
    app = lab(experiment=link.encode(build({"defenses": [{"kind": "gaussian_noise"}, {"kind": "dp_sgd"}]})))
    assert "Heuristic, no guarantee." in text(app) and "ε = <b>" in text(app)
    widget(app, "number_input", "defenses.1.noise_multiplier.dp_sgd").set_value(0.0).run()
    assert "no noise to speak of" in text(app) and "ε = <b>" not in text(app)


def test_measured_effects_stand_at_their_defenses_and_wait_greyed(store):
    asked = build({"defenses": TWO})
    number = store.submit("preview", asked.model_dump(mode="json"), cache_key="preview:" + asked.key())
    out = fakes.writer(store)
    out.take(number)
    one = {"norm_before": 3.0, "norm_after": 5.0, "cosine": 0.6, "zeros": 0.0}
    effects = [{"kind": "gaussian_noise", **one}, {"kind": "pruning", **one, "norm_before": 7.0, "zeros": 0.4}]
    out.finish(number, "done", {"effects": effects, "sent": {**one, "norm_after": 4.0}, "problems": [], "notices": []})
    app = lab(experiment=link.encode(asked))
    assert "norm 3 → 5 · cosine 0.600<" in text(app) and "norm 7 → 5 · cosine 0.600 · 40 % zeros" in text(app)
    assert "<b>Together</b> norm 3 → 4" in text(app) and "gi-effect gi-stale" not in text(app)
    widget(app, "select_slider", "defenses.0.std.gaussian_noise.scale").set_value(0.002).run()
    assert "gi-effect gi-stale" in text(app)


def test_the_attacker_may_know_of_them_and_keeps_that_over_attacks(store):
    assert widget(lab(), "segmented_control", "client.adaptive").proto.disabled
    app = lab(experiment=link.encode(build({"defenses": TWO})))
    widget(app, "segmented_control", "client.adaptive").set_value("known").run()
    assert form(app).attack.adaptive
    widget(app, "selectbox", "attack").select("inverting_gradients").run()
    assert form(app).attack.kind == "inverting_gradients" and form(app).attack.adaptive
    assert not [w for w in app.toggle if w.key.endswith("attack.adaptive.inverting_gradients")], "one switch"


def test_titles_within_a_sentence():
    assert [sent.inside(t) for t in ("DP-SGD", "PRECODE", "Top-k with", "Gaussian noise")] == [
        "DP-SGD",
        "PRECODE",
        "top-k with",
        "gaussian noise",
    ]


def _pair(naive: float | None, adaptive: float | None, **more) -> list[Job]:
    told = []
    for knows, psnr in ((False, naive), (True, adaptive)):
        spec = build({"defenses": TWO, "attack": {"kind": "dlg", "adaptive": knows}, **(more if knows else {})})
        document = spec.model_dump(mode="json")
        run = Job("0" * 12, "run", document, "", "done", "interactive", None, "", 0.0, None, None)
        told.append(replace(run, result={"metrics": {"psnr": psnr}}))
    return told


def test_naive_and_adaptive_are_queued_and_shown_on_the_lab(store):
    assert "pair.adaptive" not in {b.key for b in lab().button}
    app = lab(experiment=link.encode(build({"defenses": TWO, "attack": {"kind": "dlg"}})))
    fakes.button(app, "pair_adaptive").click().run()
    adaptive, naive = store.jobs()
    assert (app.query_params["run"], app.query_params["beside"]) == (naive.id, adaptive.id)
    assert [j.spec["attack"]["adaptive"] for j in (naive, adaptive)] == [False, True] and not app.exception
    again = lab(run=naive.id, beside=adaptive.id)
    assert "adaptive=true" in text(again) and not again.exception
    assert "gi-question" in text(lab(run=naive.id, beside="0" * 12)), "the other was deleted: this one is shown alone"


def test_what_knowing_changed_in_one_sentence():
    one = (KNOWING,)
    assert pairs.difference(_pair(9.0, 14.5), one) == "Knowing the defenses raised PSNR from 9.0 to 14.5 dB."
    assert "hardly mattered" in str(pairs.difference(_pair(9.0, 9.4), one))
    assert pairs.difference(_pair(9.0, None), one) is None and pairs.difference(_pair(9.0, 14.0, seed=1), one) is None


def test_measures_of_the_round_are_chips_too(store):
    app = lab(experiment=link.encode(build({"samples": ["bundled/faces:0"]})))
    pills = widget(app, "pills", "measures")
    assert pills.value == [] and len(pills.options) == len(MEASURES)
    pills.set_value(["larger_batch"]).run()
    assert len(form(app).samples) == MEASURES["larger_batch"].strength.default and not app.exception
    widget(app, "slider", "measure.larger_batch").set_value(4).run()
    assert len(form(app).samples) == 4
    widget(app, "pills", "measures").set_value(["larger_batch", "secure_aggregation"]).run()
    assert form(app).client.clients == 8 and "Secure aggregation" in text(app)
    fakes.button(app, "defense_close_secure_aggregation").click().run()
    assert form(app).client.clients == 1 and not app.exception


def test_a_measure_that_cannot_be_says_why(store):
    app = lab()
    widget(app, "pills", "measures").set_value(["withheld_statistics"]).run()
    assert "no batch norm statistics to withhold" in text(app) and widget(app, "pills", "measures").value == []

"""The lab's threat model: switches, what they sum up to, the attacks they rule out, and statistics side by side."""

from __future__ import annotations

import pytest

from gi_core import data
from gi_core.experiments import preparing
from gi_core.reports import sent
from gi_core.settings import ATTACKS, build, problems
from gi_core.settings.presets import presets
from pages.shared import link, words
from pages.shared.experiment import possible
from tests import pages_fakes as fakes
from tests.pages.opened import form, lab, text, widget

NORM = {"model": {"kind": "convnet", "width": 16, "depth": 4}, "size": 32}
FL = {"kind": "fl_gradient_inversion", "iterations": 300}


def switch(app, name: str):
    return widget(app, "segmented_control", f"client.{name}")


def test_switches_set_the_client_and_sum_it_up(store):
    app = lab(
        experiment=link.encode(build({**NORM, "samples": [f"bundled/faces:{k}" for k in range(4)], "attack": FL}))
    )
    switch(app, "batch_norm").set_value("train").run()
    switch(app, "statistics").set_value("shared").run()
    switch(app, "labels_known").set_value("unknown").run()
    switch(app, "kind").set_value("fedavg").run()
    widget(app, "number_input", "client.epochs.fedavg").set_value(3).run()
    widget(app, "number_input", "client.batch_size.fedavg").set_value(2).run()
    client = form(app).client
    assert (client.kind, client.batch_norm, client.statistics, client.labels_known) == (
        "fedavg",
        "train",
        "shared",
        False,
    )
    rest = "weights after 6 steps of 2 pictures, with batch norm statistics, not the labels."
    assert f"the change of {_weights(form(app)):,} {rest}" in text(app)
    switch(app, "kind").set_value("fedsgd").run()
    assert form(app).client.statistics == "shared" and "the gradient of" in text(app)
    switch(app, "kind").set_value("fedavg").run()
    assert form(app).client.epochs == 3, "what was set before comes back"


def _weights(experiment) -> int:
    """Of the network itself, as torch has it."""
    network, _ = preparing.prepare(experiment, data.load(experiment))
    return sum(p.numel() for p in network.parameters())


def test_batch_norm_is_greyed_with_the_reason(store):
    app = lab()
    assert switch(app, "batch_norm").proto.disabled and "LeNet (DLG) has no batch norm here" in text(app)
    app = lab(experiment=link.encode(build(NORM)))
    assert not switch(app, "batch_norm").proto.disabled and switch(app, "statistics").proto.disabled
    assert "so nothing is shared" in text(app)
    switch(app, "batch_norm").set_value("train").run()
    assert not switch(app, "statistics").proto.disabled and "gi-off" not in text(app)
    app = lab(experiment=link.encode(build({**NORM, "model": {"kind": "convnet", "batch_norm": False}})))
    assert switch(app, "batch_norm").proto.disabled


def test_impossible_attacks_are_marked_with_the_command_lines_sentence(store):
    app = lab()
    widget(app, "selectbox", "attack").select("levenberg_marquardt").run()
    assert "✕" not in "".join(widget(app, "selectbox", "attack").options[:4])
    switch(app, "kind").set_value("fedavg").run()
    widget(app, "number_input", "client.epochs.fedavg").set_value(5).run()
    options = widget(app, "selectbox", "attack").options
    assert [o for o in options if "Levenberg" in o] == ["✕ Levenberg-Marquardt – not possible here"]
    assert "DLG" in options and "FL gradient inversion" in options
    (fatal,) = [p.reason for p in problems(form(app)) if p.fatal]
    assert fatal.removeprefix("Levenberg-Marquardt") in text(app) and fakes.button(app, "run_attack").disabled
    assert "The same is true of" in text(app)
    widget(app, "selectbox", "attack").select("inverting_gradients").run()
    assert not fakes.button(app, "run_attack").disabled


@pytest.mark.parametrize("kind", list(ATTACKS))
def test_ruled_out_is_exactly_what_cannot_be_run_by_any_settings_of_labels(kind):
    for asked in (build({}), build({**NORM, "client": {"kind": "fedavg", "epochs": 5}}), _four()):
        first = build({**asked.model_dump(mode="json"), "attack": possible.fitting(asked, kind)})
        fatal = {p.reason for p in problems(first) if p.fatal}
        assert (possible.reasons(asked).get(kind) in fatal) if fatal else kind not in possible.reasons(asked)


def _four():
    return build({"samples": [f"bundled/faces:{k}" for k in range(4)], "client": {"labels_known": False}})


def test_an_attack_starts_with_labels_that_fit():
    assert possible.fitting(_four(), "levenberg_marquardt") == {"kind": "levenberg_marquardt", "labels": "auto"}
    assert possible.fitting(build({}), "inverting_gradients") == {"kind": "inverting_gradients"}


def test_published_values_by_name(store):
    app = lab(experiment=link.encode(build({**NORM, "attack": FL})))
    widget(app, "selectbox", "preset.fl_gradient_inversion").select("published").run()
    published = ATTACKS["fl_gradient_inversion"].presets["published"]
    assert {k: getattr(form(app).attack, k) for k in published} == published


def test_a_prior_picture_is_picked_and_a_path_refused(store):
    app = lab(experiment=link.encode(build({**NORM, "attack": FL})))
    picker = widget(app, "selectbox", "attack.prior")
    assert picker.value is None and "Astronaut" in picker.options
    picker.select("Cat").run()
    assert form(app).attack.prior == "bundled/chelsea" and "gi-prior" in text(app)
    again = lab(experiment=app.query_params["experiment"])
    assert widget(again, "selectbox", "attack.prior").value == "bundled/chelsea"
    assert not [w for w in again.text_input if "prior" in w.key or "generator" in w.key], "no path can be typed"


def test_a_runs_name_says_what_was_sent():
    plain = build({}).model_dump(mode="json")
    assert words.question(plain) == "Astronaut · LeNet (DLG) · Levenberg-Marquardt"
    asked = build({**NORM, "client": {"kind": "fedavg", "epochs": 5, "batch_norm": "train"}, "attack": FL})
    assert words.question(asked.model_dump(mode="json")).split(" · ")[2:4] == ["5 local steps", "statistics withheld"]
    assert sent.short({"client": {"kind": "gone"}, "model": {"kind": "gone"}}) == []


@pytest.mark.parametrize("preset", presets(), ids=lambda p: p.title)
def test_presets_can_be_run(preset):
    assert not [p for p in problems(preset.experiment) if p.fatal]
    assert preset.sentence.endswith((".", "?"))


def test_labels_of_every_strategy_and_the_prior_are_shown_where_there_are(store, monkeypatch):
    plain = fakes.result

    def more(*given):
        found = plain(*given)
        found["labels"]["strategies"] = {
            "row_sum": {"recovered": [1], "accuracy": 0.0},
            "idlg": {"recovered": [0], "accuracy": 1.0},
        }
        found["metrics"]["rdlv"] = 0.68
        return found

    assert "Row sums" not in text(lab(run=fakes.run(store))) and "RDLV" not in text(lab(run=fakes.run(store)))
    monkeypatch.setattr(fakes, "result", more)
    run = fakes.run(store)
    page = text(lab(run=run))
    assert "<th scope='row'>Row sums</th><td>chelsea</td><td>0 %</td>" in page and "100 %" in page
    assert "RDLV" in page and "0.680" in page
    assert "RDLV" not in text(lab(run=run, view="attacker"))


def test_how_the_client_trains_is_set_and_only_what_means_something_is_shown(store):
    app = lab(experiment=link.encode(build({"client": {"kind": "fedavg", "epochs": 2}, "attack": FL})))

    def shown(name: str) -> bool:
        return any(w.key and f".client.{name}." in w.key for kind in ("number_input", "toggle") for w in app.get(kind))

    assert shown("nesterov") and not shown("beta1") and not shown("decay_start")
    widget(app, "selectbox", "client.decay.fedavg").set_value("linear").run()
    widget(app, "number_input", "client.decay_start.fedavg").set_value(0.5).run()
    widget(app, "text_input", "client.class_weights.fedavg").set_value("1/2").run()
    widget(app, "number_input", "client.weight_decay.fedavg").set_value(0.01).run()
    widget(app, "selectbox", "client.optimiser.fedavg").set_value("adamw").run()
    assert shown("beta1") and not shown("nesterov")
    client = form(app).client
    assert (client.decay, client.decay_start, client.class_weights, client.weight_decay, client.optimiser) == (
        "linear", 0.5, "1/2", 0.01, "adamw",
    )  # fmt: skip
    assert link.decode(link.encode(form(app))) == form(app)
    assert "weight_decay=0.01" in words.command(form(app)) and "class_weights=1/2" in words.command(form(app))
    widget(app, "text_input", "client.class_weights.fedavg").set_value("").run()
    assert form(app).client.class_weights == "" and not app.exception

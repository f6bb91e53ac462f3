"""Reports and presses that come too late: the form stays what it is, and nothing runs that is not on show."""

from __future__ import annotations

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates

from gi_core.settings import build
from gi_core.settings.presets import presets
from pages.shared import link
from pages.shared.experiment import press
from tests import pages_fakes as fakes
from tests.pages.opened import form, lab, text, widget


def late(app, *requests: WidgetStates) -> None:
    """Send requests as a browser had them on the way: the same values, one after another."""
    for request in requests:
        app._run(request)
        assert not app.exception, app.exception


def sent(app) -> WidgetStates:
    """What the browser would repeat now."""
    found = WidgetStates()
    found.CopyFrom(app._tree.get_widget_states())
    return found


def pressed(app, name: str) -> WidgetStates:
    """A click on the button as it is drawn now, not sent yet."""
    button = fakes.button(app, name)
    button.click()
    found = sent(app)
    button._value = False
    return found


@pytest.mark.parametrize("number", range(len(presets())))
def test_what_the_form_before_a_chip_still_reports_is_refused(store, number):
    app = lab(
        experiment=link.encode(
            build(
                {
                    "model": {"kind": "custom", "layers": [{"kind": "conv", "channels": 4}], "bias": False},
                    "attack": {"kind": "dlg", "trials": 7},
                }
            )
        )
    )
    widget(app, "number_input", "attack.iterations.dlg").set_value(77)
    before = sent(app)
    app.button(key=f"preset_{number}").click().run()
    late(app, before, before)
    assert form(app) == presets()[number].experiment
    assert "There is no setting" not in text(app)


def test_every_chip_after_every_other_ignores_the_one_before(store):
    app = lab()
    for number, preset in enumerate(presets()):
        before = sent(app)
        app.button(key=f"preset_{number}").click().run()
        late(app, before)
        assert form(app) == preset.experiment, preset.title
    assert {build(job.spec).key() for job in store.jobs()} == {preset.experiment.key() for preset in presets()}


def test_a_press_of_a_button_that_is_no_longer_on_show_starts_nothing_and_says_so(store):
    app = lab()
    widget(app, "selectbox", "attack").select("dlg")
    chosen, then_pressed = sent(app), pressed(app, "run_attack")
    late(app, chosen, then_pressed)
    assert form(app).attack.kind == "dlg" and store.jobs() == []
    assert press.MOVED in text(app)
    fakes.button(app, "run_attack").click().run()
    (job,) = store.jobs()
    assert build(job.spec) == form(app) and press.MOVED not in text(app)


def test_what_was_typed_before_the_press_is_what_runs(store):
    """A field reports when it is left, which is when the button is pressed: both may come in one request."""
    app = lab()
    widget(app, "number_input", "attack.iterations.auto").set_value(13)
    fakes.button(app, "run_attack").click().run()
    (job,) = store.jobs()
    assert job.spec["attack"]["iterations"] == 13 and build(job.spec) == form(app)


def test_another_attack_and_a_press_in_one_request_run_nothing_that_nobody_saw(store):
    app = lab()
    widget(app, "selectbox", "attack").select("dlg")
    fakes.button(app, "run_attack").click().run()
    assert store.jobs() == [] and press.MOVED in text(app) and form(app).attack.kind == "dlg"


def test_settings_of_the_attack_before_do_not_reach_the_one_after(store):
    app = lab()
    widget(app, "number_input", "attack.iterations.auto").set_value(19)
    widget(app, "selectbox", "attack").select("dlg")
    both = sent(app)
    late(app, both, both)
    assert form(app).attack.kind == "dlg" and form(app).attack.iterations != 19


def test_a_slider_and_its_field_show_one_value_and_neither_undoes_the_other(store):
    app = lab()
    widget(app, "pills", "defenses.update").set_value(["gaussian_noise"]).run()
    widget(app, "select_slider", "defenses.0.std.gaussian_noise.scale").set_value(0.5)
    moved = sent(app)  # with the field as it was
    late(app, moved, moved, moved)
    assert form(app).defenses[0].std == 0.5
    assert widget(app, "number_input", "defenses.0.std.gaussian_noise").value == 0.5


def test_a_row_that_moved_up_takes_no_report_of_the_row_before_it(store):
    asked = build({"defenses": [{"kind": "gaussian_noise", "std": 0.1}, {"kind": "gaussian_noise", "std": 0.2}]})
    app = lab(experiment=link.encode(asked))
    widget(app, "number_input", "defenses.0.std.gaussian_noise").set_value(0.7)
    before = sent(app)
    widget(app, "number_input", "defenses.0.std.gaussian_noise").set_value(0.1)
    fakes.button(app, "defense_close_0").click().run()
    late(app, before)
    assert [d.std for d in form(app).defenses] == [0.2]


def test_a_named_set_of_values_is_shown_in_every_field(store):
    app = lab()
    widget(app, "selectbox", "attack").select("inverting_gradients").run()
    widget(app, "selectbox", "preset.inverting_gradients").select("paper").run()
    shown = widget(app, "number_input", "attack.iterations.inverting_gradients").value
    assert shown == form(app).attack.iterations
    widget(app, "number_input", "attack.iterations.inverting_gradients").set_value(123).run()
    assert widget(app, "selectbox", "preset.inverting_gradients").value is None


def test_the_label_of_the_picture_before_is_not_shown_for_the_next(store):
    app = lab()
    widget(app, "number_input", "label").set_value(3).run()
    assert form(app).labels == (3,)
    app.button(key="preset_0").click().run()
    assert widget(app, "number_input", "label").value is None and form(app).labels is None


def test_weights_from_a_file_that_is_not_there_yet_run_nothing(store):
    app = lab()
    widget(app, "segmented_control", "weights").set_value("file").run()
    assert fakes.button(app, "run_attack").disabled and "Give the file of weights" in text(app)
    widget(app, "segmented_control", "weights").set_value("fresh").run()
    assert not fakes.button(app, "run_attack").disabled


def test_an_old_address_is_no_wish_however_late_it_comes(store, monkeypatch):
    app = lab()
    old = {n: app.query_params[n] for n in app.query_params}
    app.button(key="preset_2").click().run()
    now = {"run": app.query_params["run"]}
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    app.query_params.clear()
    for name, value in old.items():
        app.query_params[name] = value
    app.run()
    assert form(app) == presets()[2].experiment and app.query_params["run"] == now["run"]


def test_what_is_drawn_carries_the_digest_of_what_runs(store):
    app = lab()
    assert f'data-asked="{form(app).key()}"' in text(app)
    fakes.button(app, "run_attack").click().run()
    assert f'data-asked="{build(store.jobs()[0].spec).key()}"' in text(app)

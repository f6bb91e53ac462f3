"""Another picture, network or attack never ends in a refusal of what stood in the form before: it follows, and says so."""

from __future__ import annotations

import pytest

from gi_core.settings import build, problems
from gi_core.settings.presets import presets
from pages.shared.experiment import adapting
from tests.pages.opened import form, lab, text, widget
from tests.pages.test_own_pictures import content

PHOTOS = [f"bundled/{n}" for n in ("astronaut", "chelsea", "coffee", "rocket", "patient", "retina", "ihc", "cell")]
FACES = [f"bundled/faces:{k}" for k in range(8)]


def changed(experiment, **parts):
    return build({**experiment.model_dump(mode="json"), **parts})


def fatal(experiment) -> list[str]:
    return [p.reason for p in problems(experiment) if p.fatal]


@pytest.mark.parametrize("preset", presets(), ids=lambda p: p.title)
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_example_can_be_run_with_any_number_of_pictures(preset, count):
    for refs in (PHOTOS, FACES):
        asked = changed(preset.experiment, samples=refs[:count])
        found, said = adapting.fitted(asked)
        assert fatal(found) == []
        assert bool(said) == (found != asked)
        grey = refs is FACES and asked.model.channels_only == 3  # which only the pictures themselves show
        left = changed(found, channels=asked.channels) if grey else found
        assert (left == asked) == (fatal(asked) == []), "what could be run is left as it is"
        again, back = adapting.fitted(changed(found, samples=refs[:1]), asked.attack)
        if count > 1 and fatal(asked):
            assert again.attack == asked.attack and len(back) == 1


def test_two_own_pictures_can_be_run_by_an_attack_that_read_one_label(store):
    app = lab()
    widget(app, "selectbox", "attack").set_value("levenberg_marquardt").run()
    files = [(f"{k}.png", content(60 + k), "image/png") for k in range(2)]
    app.file_uploader(key="sample_file").set_value(files).run()
    assert not app.exception
    assert form(app).attack.labels == "auto" and fatal(form(app)) == []
    assert "Labels is set to auto now, because observed delta reads one label only." in text(app)
    widget(app, "toggle", "several").set_value(False).run()
    assert form(app).attack.labels == "observed_delta" and len(form(app).samples) == 1
    assert "Labels is observed delta again, as before." in text(app)
    assert "Labels is set to auto now" not in text(app)


def test_what_a_person_sets_afterwards_stays(store):
    app = lab()
    widget(app, "selectbox", "attack").set_value("levenberg_marquardt").run()
    files = [(f"{k}.png", content(60 + k), "image/png") for k in range(2)]
    app.file_uploader(key="sample_file").set_value(files).run()
    widget(app, "number_input", "attack.iterations.levenberg_marquardt").set_value(7).run()
    assert "Labels is set to auto" not in text(app)
    widget(app, "toggle", "several").set_value(False).run()
    assert (form(app).attack.labels, form(app).attack.iterations) == ("auto", 7)
    widget(app, "selectbox", "attack.labels.levenberg_marquardt").set_value("observed_delta").run()
    assert form(app).attack.labels == "observed_delta"


def test_an_attack_chosen_again_reads_as_many_labels_as_there_are_pictures(store):
    app = lab()
    widget(app, "selectbox", "attack").set_value("dlg").run()
    files = [(f"{k}.png", content(60 + k), "image/png") for k in range(2)]
    app.file_uploader(key="sample_file").set_value(files).run()
    widget(app, "selectbox", "attack").set_value("levenberg_marquardt").run()
    assert form(app).attack.labels == "auto" and fatal(form(app)) == []


def test_an_attack_that_is_told_the_labels_reads_them_where_they_are_not_known(store):
    app = lab()
    widget(app, "selectbox", "attack").set_value("levenberg_marquardt").run()
    widget(app, "selectbox", "attack.labels.levenberg_marquardt").set_value("known").run()
    widget(app, "button_group", "client.labels_known").set_value("unknown").run()
    assert form(app).attack.labels == "auto" and fatal(form(app)) == []
    assert "because the server does not know them" in text(app)


@pytest.mark.parametrize(
    ("parts", "right", "sentence"),
    [
        ({"samples": FACES[:1], "model": {"kind": "resnet18"}}, {"channels": 3, "size": 32}, "Channels is set to 3"),
        ({"samples": FACES[:1], "model": {"kind": "vit"}}, {"channels": 3, "size": 28}, "Size is set to 28"),
        ({"samples": PHOTOS[:1], "model": {"kind": "vit", "patch": 16, "hidden": 384, "heads": 6}}, {"size": 224}, "trained"),
        ({"samples": FACES[:1], "normalise": ".5,.4,.3/.2,.2,.2"}, {"channels": 3}, "three numbers"),
        ({"samples": PHOTOS[:2], "size": "own"}, {"size": None}, "Size is automatic"),
        ({"samples": PHOTOS[:3], "model": {"kind": "lenet", "classes": 2}}, {"model.classes": None}, "Classes is automatic"),
        ({"samples": PHOTOS[:2], "client": {"kind": "fedavg", "clients": 4}, "attack": {"kind": "dlg"}},
         {"client.clients": 2}, "Clients is set to 2"),
    ],
)  # fmt: skip
def test_another_picture_or_data_set_takes_what_depends_on_it_along(parts, right, sentence):
    found, said = adapting.fitted(build(parts))
    values = found.model_dump(mode="json")
    for path, value in right.items():
        here = values
        for part in path.split("."):
            here = here[part]
        assert here == value
    assert any(sentence in one for one in said) and fatal(found) == []


def test_what_was_asked_for_is_never_changed():
    asked = build({"samples": FACES[:1], "model": {"kind": "resnet18"}, "channels": 1, "size": 16})
    assert adapting.fitted(asked) == (asked, [])


def test_pictures_of_another_data_set_take_the_place_of_the_first():
    own = "upload:" + "0" * 64
    assert adapting.one_source([*PHOTOS[:2], own, "mnist:3"])[0] == [own, "mnist:3"]
    assert adapting.one_source([PHOTOS[0], "bundled/astronaut#crop=9x9+0+0", own])[1] == []
    kept, said = adapting.one_source(["cifar10:1", "cifar10/train:2", FACES[0]])
    assert kept == [FACES[0]] and len(said) == 1

"""The updates page: what was sent of the update, what was matched to what, and the defenses that the server knows of."""

from __future__ import annotations

from pages.updates.part import LACKING
from tests.pages.opened import text
from tests.pages.updates_page import answer, asked, given, looks

MISSING = "update.npz does not belong to this network: missing conv1.weight" + LACKING


def key(app, name: str) -> str:
    return next(e.key for e in (*app.text_input, *app.selectbox) if e.key and e.key.split(".", 1)[-1] == name)


def test_what_is_missing_was_not_sent(store):
    app = given(store, problem=MISSING)
    assert "missing conv1.weight." in text(app) and "recorded.withheld" not in text(app)
    app.button(key="updates_lacking").click().run()
    assert asked(app).recorded.withheld == ("missing",)
    assert looks(store)[0].spec["recorded"]["withheld"] == ["missing"], "the worker looks again"
    answer(store, app)
    assert "The files fit" in text(app)


def test_patterns_and_contents_are_said_and_looked_at(store):
    app = given(store)
    app.text_input(key=key(app, "recorded.sent")).set_value("layer4.*, fc.*").run()
    app.selectbox(key=key(app, "contents")).select("weights").run()
    assert asked(app).recorded.sent == ("layer4.*", "fc.*") and asked(app).recorded.contents == "weights"
    recorded = looks(store)[0].spec["recorded"]
    assert recorded["sent"] == ["layer4.*", "fc.*"] and recorded["contents"] == "weights"
    assert not app.exception and "What the file holds: said by you" in [e.label for e in app.expander]


def test_a_table_of_what_was_matched(store):
    app = given(
        store, table=[["conv1.weight", "resnet.embedder.<b>x</b>"], ["fc.bias", "classifier.1.bias"]], whole=True
    )
    assert "2 tensors matched: see which to which" in [e.label for e in app.expander]
    assert "<td>fc.bias</td><td>classifier.1.bias</td>" in text(app) and "&lt;b&gt;x" in text(app)
    assert "whole weights" in text(app)


def test_defenses_that_the_server_knows_of(store):
    app = given(store)
    assert not asked(app).attack.adaptive and not asked(app).defenses
    pills = [p for p in app.get("button_group") if p.key and "defenses.update" in p.key]
    assert pills and not any("Mixing" in option.content for p in pills for option in p.proto.options)
    pills[0].set_value(["pruning"]).run()
    assert [d.kind for d in asked(app).defenses] == ["pruning"] and asked(app).attack.adaptive
    assert looks(store)[0].spec["sparse"] is True
    assert not app.exception

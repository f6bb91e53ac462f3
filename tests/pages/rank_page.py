"""The rank page as a person opens it."""

from __future__ import annotations

import json

from streamlit.testing.v1 import AppTest

from gi_core.settings import Experiment, build
from pages.shared import link
from tests.pages.opened import opened

CONV = {"kind": "conv", "channels": 8, "kernel": 3, "stride": 1, "padding": 1}


def rank(**query) -> AppTest:
    return opened("rank", **query)


def drawn(*rows: dict, **more) -> AppTest:
    return rank(
        experiment=link.encode(build({"size": 16, "channels": 3, "model": {"kind": "custom", "layers": rows, **more}}))
    )


def asked(app: AppTest) -> Experiment:
    return app.session_state["rank.experiment"]


def rows(app: AppTest) -> list[str]:
    return [row.kind for row in asked(app).model.layers]


def strip(app: AppTest) -> dict:
    (found,) = [c for c in app.get("bidi_component") if '"cards"' in str(c.proto.json)]
    return json.loads(found.proto.json)

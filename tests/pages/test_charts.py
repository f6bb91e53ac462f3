"""What a page tells the browser of a chart, and the script that draws it."""

from __future__ import annotations

import gzip
import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config

from gi_core.figures import script
from gi_core.figures.themes import PAPER, SWAP
from pages.shared import plotting
from pages.shared.result import charts
from tests.figures import samples

DRAWINGS = samples.drawings()


@pytest.mark.parametrize("name", list(DRAWINGS))
def test_a_chart_is_small_plain_json_with_words_for_who_saves_it(name):
    told = charts.document(DRAWINGS[name].under("Seed 0."))
    assert json.loads(json.dumps(told, allow_nan=False)) and told["alt"] == DRAWINGS[name].alt
    shown, head = told["document"]["layout"], told["head"]
    assert "title" not in shown and head["title"]["subtitle"]["text"] == "Seed 0." and told["more"] > 0
    assert head["margin"]["t"] > shown["margin"]["t"] and shown["meta"]["caption"] == "Seed 0."
    assert told["swap"][PAPER] == SWAP[PAPER] and told["script"] == plotting.ADDRESS


@pytest.mark.parametrize("base", ["", "studio", "/studio/here/"])
def test_the_script_is_answered_below_the_servers_own_path(monkeypatch, base):
    asked = config.get_option
    monkeypatch.setattr(
        plotting.config, "get_option", lambda name: base if name == "server.baseUrlPath" else asked(name)
    )
    client = TestClient(Starlette(routes=[plotting.route()]))
    address = "/".join(filter(None, ["", base.strip("/"), plotting.ADDRESS]))
    address = address if address.startswith("/") else "/" + address
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert plain.content == script().read_bytes() and "content-encoding" not in plain.headers
    with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert (
        answer.headers["content-encoding"] == "gzip" and len(raw) < 2_000_000 and gzip.decompress(raw) == plain.content
    )
    assert "immutable" in answer.headers["cache-control"] and answer.headers["vary"] == "Accept-Encoding"

"""What a person named, and what a worker says of it, never becomes markup: in no page, table, alternative text or file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.settings import build
from gi_core.settings.federation import Federation
from gi_core.settings.sweep import build_sweep
from tests import pages_fakes as fakes
from tests.pages.opened import lab

MARK = "<img src=x onerror=zzz>"
EVIL = f"{MARK}\"'><script>zzz</script></style>"
ROOT = Path(__file__).resolve().parents[1]


def raw(app) -> list[str]:
    """HTML of the page, and Markdown, in which the text stands as markup."""
    found = []
    for kind in ("html", "markdown", "error", "warning", "info", "success", "caption"):
        for element in app.get(kind):
            body = str(getattr(element, "body", None) or getattr(element, "value", ""))
            plain = kind != "html"
            if MARK in body and not (plain and not getattr(element, "allow_html", False)):
                found.append(body[:300])
            if re.search(r"<[^>]*onerror=zzz[^>]*>", body) and not plain:
                found.append(body[:300])
    return found


@pytest.fixture
def filled(gi_home) -> dict[str, str]:
    """Jobs of every kind whose words are markup."""
    store = Store(gi_home)
    run = fakes.run(store, title=EVIL)
    failed = fakes.run(store, "failed", title=EVIL + " 2", error=f"it was {EVIL}: and {EVIL}")
    done = store.job(run)
    result = {
        **(done.result or {}),
        "labels": {
            "true": [0],
            "recovered": [0],
            "names": [EVIL],
            "strategies": {EVIL: {"recovered": [0], "accuracy": 1}},
        },
    }
    result |= {
        "verdict": f"{EVIL}: {EVIL}",
        "risk": {"level": "exposed", "afterwards": EVIL, "right": True},
        "notices": [EVIL],
    }
    progress = {**done.progress, "stage": EVIL, "note": EVIL}
    store.database.write(
        "UPDATE jobs SET result = ?, notices = ?, progress = ? WHERE id = ?",
        (json.dumps(result), json.dumps([EVIL]), json.dumps(progress), run),
    )
    asked = build_sweep({
        "name": EVIL, "question": EVIL, "base": {"size": 8},
        "axes": [{"name": EVIL, "path": "seed", "values": [1, 2], "labels": [EVIL, EVIL + "2"]}, {"name": "attacker", "path": "device", "values": ["cpu"], "labels": [EVIL]}],
    })  # fmt: skip
    sweep = sweeps.start(store, asked)
    federation = store.submit("federation", Federation().model_dump(mode="json"), lane="batch", title=EVIL)
    told = {"rounds": [], "notices": [EVIL], "error": EVIL, "out": EVIL, "status": "failed"}
    store.database.write(
        "UPDATE jobs SET state = 'failed', error = ?, result = ?, finished = 1 WHERE id = ?",
        (EVIL, json.dumps(told), federation),
    )
    return {"run": run, "failed": failed, "sweep": sweep, "job": federation}


QUERIES = [
    ("lab", {"run": "run"}), ("lab", {"run": "failed"}), ("lab", {"run": "run", "beside": "failed"}), ("runs", {}),
    ("runs", {"compare": "run,failed"}), ("sweeps", {}), ("sweeps", {"sweep": "sweep"}), ("wall", {"sweep": "sweep"}),
    ("frontier", {"sweep": "sweep"}), ("federation", {"job": "job"}), ("influence", {}), ("updates", {}),
]  # fmt: skip


@pytest.mark.parametrize(("page", "query"), QUERIES, ids=lambda v: v if isinstance(v, str) else "-".join(v.values()))
def test_no_page_takes_words_for_markup(filled, store, page, query):
    asked = {name: ",".join(filled[one] for one in value.split(",")) for name, value in query.items()}
    app = lab(**(asked if page == "lab" else {}))  # an address counts on arrival
    if page != "lab":
        app.switch_page(f"pages/{page}/page.py")
        for name, value in asked.items():
            app.query_params[name] = value
        app.run()
    assert not app.exception
    assert raw(app) == []
    if (page, query) in (("lab", {"run": "run"}), ("runs", {}), ("sweeps", {"sweep": "sweep"})):
        shown = "".join(str(getattr(element, "body", "")) for element in app.get("html"))
        assert "&lt;img src=x onerror=zzz&gt;" in shown  # it is there, as the text that it is


@pytest.mark.parametrize("experiment", [
    {"samples": [f"folder:/{EVIL}:{EVIL}"]}, {"samples": [EVIL]}, {"normalise": EVIL}, {"weights": {"kind": "file", "path": EVIL}},
    {"attack": {"kind": "inverting_gradients", "prior": EVIL}}, {"attack": {"kind": EVIL}}, {EVIL: 1},
    {"recorded": {"checkpoint": EVIL, "update": EVIL}}, {"client": {"kind": "fedavg", EVIL: 3}},
])  # fmt: skip
def test_a_link_does_not_bring_markup(store, experiment):
    for page in ("lab", "rank", "influence", "updates"):
        app = lab()
        if page != "lab":
            app.switch_page(f"pages/{page}/page.py")
        app.query_params["experiment"] = json.dumps(experiment)
        app.run()
        assert not app.exception
        assert raw(app) == []


def test_the_check_itself_sees_markup():
    class Element:
        body = f"<p>{EVIL}</p>"

    class App:
        def get(self, kind):
            return [Element()] if kind == "html" else []

    assert raw(App())
    assert build({"samples": [EVIL]}).samples == (EVIL,)  # it is not refused before it comes to a page


def test_no_script_of_ours_writes_markup():
    """The components' scripts put text into elements as text."""
    for path in (
        sorted((ROOT / "pages").rglob("*.js"))
        + sorted((ROOT / "pages").rglob("*.html"))
        + sorted((ROOT / "pages").rglob("*.py"))
    ):
        text = path.read_text()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "unsafe_allow_html",
            "unsafe_allow_javascript",
        ):
            assert word not in text, (path, word)

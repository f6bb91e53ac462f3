"""Pages opened without a browser, and what is to be seen on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from gi_core.settings import Experiment

ROOT = Path(__file__).resolve().parents[2]


class Still:
    """A dispatcher that starts no worker."""

    def __init__(self, store):
        pass

    def ensure(self):
        pass

    def status(self):
        return {}


def opened(room: str, **query) -> AppTest:
    """A page as a person comes to it, from the lab where it is another one."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if room != "lab":
        app.run()
        app.switch_page(f"pages/{room}/page.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def lab(**query) -> AppTest:
    return opened("lab", **query)


def form(app: AppTest) -> Experiment:
    """What the lab's form holds."""
    return app.session_state["form.experiment"]


def widget(app: AppTest, kind: str, name: str):
    """A widget of the form, whatever edition of it."""
    found = [w for w in app.get(kind) if w.key and w.key.partition(".")[2] == name]
    assert len(found) == 1, [w.key for w in app.get(kind)]
    return found[0]


def text(app: AppTest) -> str:
    return "\n".join(
        [
            *(h.value for h in app.html if not h.value.startswith("<style")),
            *(m.value for m in app.markdown),
            *(w.value for w in app.warning),
        ]
    )


def charts(app: AppTest) -> dict[str, dict[str, Any]]:
    """`{data, layout}` of each chart by its description."""
    told = (json.loads(c.proto.json) for c in app.get("bidi_component") if '"document"' in str(c.proto.json))
    return {one["alt"]: one["document"] for one in told}

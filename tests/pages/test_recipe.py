"""The recipe for a page, followed in a copy of the tree: a line in app.py, a script, and a name in the contracts."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.copies import copied
from tests.test_contracts import contracts

PAGE = '''"""How many jobs there are."""

import streamlit as st

from pages.shared.session import store

st.html('<h1 class="gi-title">Jobs counted</h1>')
st.html(f"<p>{len(store().jobs())} jobs</p>")
'''
LOOK = """
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest
from pages.shared import session
session.Dispatcher.ensure = lambda self: None
app = AppTest.from_file("app.py", default_timeout=60).run()
app.switch_page("pages/counted/page.py").run()
assert not app.exception, app.exception
print([e.proto.body for e in app.get("html")])
"""


def test_a_page_is_a_line_a_script_and_a_name(tmp_path):
    copied(tmp_path)
    app, contract = tmp_path / "app.py", tmp_path / "pyproject.toml"
    app.write_text(app.read_text().replace('"sweeps": "Sweeps"', '"sweeps": "Sweeps", "counted": "Jobs counted"'))
    contract.write_text(contract.read_text().replace("| runs", "| runs | counted"))
    (tmp_path / "pages/counted").mkdir()
    (tmp_path / "pages/counted/__init__.py").write_text('"""Jobs counted."""\n')
    (tmp_path / "pages/counted/page.py").write_text(PAGE)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "GI_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Jobs counted" in done.stdout and "0 jobs" in done.stdout
    kept = contracts(tmp_path)
    assert kept.returncode == 0, kept.stdout[-3000:]

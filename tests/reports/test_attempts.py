"""What an ensemble tried, on every way out: a page, a report, a terminal and Python say the same."""

from __future__ import annotations

from gi_core.cli.report import _tried
from gi_core.reports import attempts

_NONE = {
    "seconds": 0.0, "steps": 0, "evaluations": 0.0, "residual": None, "score": None, "best": False, "note": "",
}  # fmt: skip
TRIED = [
    {**_NONE, "kind": "rgap", "state": "refused", "why": "ReLU has no inverse"},
    {**_NONE, "kind": "levenberg_marquardt", "state": "tried", "why": "few unknowns", "seconds": 3.0, "steps": 4, "residual": 0.25,
     "best": True, "note": "no start matched"},
    {**_NONE, "kind": "dlg", "state": "tried", "why": "fits", "seconds": 1.0, "steps": 1, "residual": 1e-9, "best": True},
    {**_NONE, "kind": "idlg", "state": "not needed", "why": "DLG explains the update"},
]  # fmt: skip


def test_the_last_that_was_the_best_was_kept():
    rows = attempts.rows(TRIED)
    assert [row.best for row in rows] == [False, False, True, False]
    assert [row.share for row in rows] == [0, 0.75, 0.25, 0] and rows[1].title == "Levenberg-Marquardt"
    assert [row.left for row in rows] == ["refused", "25 %", "below 0.001 %", "not needed"]
    assert "4 steps" in rows[1].why and rows[2].why == "fits; 1 step"


def test_a_terminal_and_python_say_it_too():
    lines = _tried({"tried": TRIED})
    assert lines[0].startswith("tried") and "* DLG" in lines[2] and "3.0 s" in lines[1]
    assert attempts.lines(TRIED)[0] == "rgap: refused, ReLU has no inverse"
    assert attempts.lines(TRIED)[1] == "levenberg_marquardt: 25 % of the update left unexplained, in 3.0 s"
    assert attempts.lines(TRIED)[2].endswith(", kept")

"""Who may change an answer of a deployment: the form as it is, and not the one that a file's answers have replaced."""

from __future__ import annotations

from pages.deployment import answers


def test_a_widget_of_before_the_files_changes_no_answer(monkeypatch):
    written: list[dict] = []
    session = {"deployment.edition": 1, "deployment_server": "honest", "deployment_server_1": "fishing"}
    monkeypatch.setattr(answers.st, "session_state", session)
    monkeypatch.setattr(answers.address, "show", lambda **values: written.append(values))
    answers._answered("server", "deployment_server", 0)
    assert written == []
    answers._answered("server", "deployment_server_1", 1)
    assert written == [{"server": "fishing"}]

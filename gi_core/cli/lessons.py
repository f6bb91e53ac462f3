"""`lessons [NAME|FILE]`: list lessons, read one, write what a class is given, run its experiments."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

from gi_core.cli import DONE, FAILED, files
from gi_core.common.paths import user_path
from gi_core.lessons import Lesson, handout, judging, read_lesson, ready, ready_lesson, ready_path
from gi_core.lessons.lesson import MOST_BYTES, Step
from gi_core.reports import writing
from gi_core.settings import SpecError
from gi_core.types.result import Result


def lessons(arguments: argparse.Namespace) -> int:
    """The exit code: 1 where a run of the lesson failed. Raises SpecError."""
    if arguments.name is None:
        _only_listed(arguments)
        return _listed(arguments.json)
    lesson, text = named(arguments.name)
    if arguments.toml:
        print(text, end="" if text.endswith("\n") else "\n")
        return DONE
    asked = {"handout": arguments.handout, "notes": arguments.notes}
    places = {what: writing.writable(file, writing.ENDINGS, f"the {what}") for what, file in asked.items() if file}
    written = {what: str(writing.write(handout.of(lesson, what == "notes"), at)) for what, at in places.items()}
    found = list(_run(lesson)) if arguments.run else None
    if arguments.json:
        print(json.dumps({"lesson": lesson.model_dump(mode="json"), **written, "steps": found}), flush=True)
    else:
        print("\n".join(written.values()) if written else _told(lesson) if found is None else _outcomes(found))
    return FAILED if any(step["error"] for step in found or ()) else DONE


def named(name: str) -> tuple[Lesson, str]:
    """The lesson of a file, or the ready one of that name, and its text. Raises SpecError."""
    path = user_path(name)
    if not path.exists() and not path.suffix and path.name == name:
        return ready_lesson(name), ready_path(name).read_text()
    content = files.content(path, repr(name), MOST_BYTES)
    return read_lesson(content), content.decode("utf-8-sig")


def _only_listed(arguments: argparse.Namespace) -> None:
    for option in ("handout", "notes", "run", "toml"):
        if getattr(arguments, option):
            raise SpecError(
                f"--{option} is of one lesson: name it, such as python -m gi_core lessons gradient --{option}"
            )


def _listed(as_json: bool) -> int:
    found: list[dict[str, Any]] = [
        {"name": name, "title": one.title, "sentence": one.sentence, "minutes": one.minutes, "steps": len(one.steps)}
        for name, one in ready().items()
    ]
    if as_json:
        print(json.dumps(found))
        return DONE
    for one in found:
        steps = f"{one['steps']} step" + "s" * (one["steps"] > 1)
        print(f"{one['name']}  ({one['title']}; {steps}, {one['minutes']} minutes)")
        print("\n".join(_wrap(one["sentence"], 2)))
    print("\nRead one: python -m gi_core lessons NAME. Write your own: docs/lessons.md")
    return DONE


def _told(lesson: Lesson) -> str:
    """The lesson for a terminal: what a teacher reads before a class."""
    lines = [lesson.title, *_wrap(lesson.sentence, 0)]
    for number, step in enumerate(lesson.steps, 1):
        lines += ["", f"{number}. {step.title}", *_wrap(step.question, 3)]
        if step.control is not None:
            lines += _wrap(f"{step.control.name}: {', '.join(map(step.label, range(1, step.values + 1)))}", 3)
        lines += [line for choice in step.choices for line in _wrap(f"[ ] {choice.text}", 3)]
    return "\n".join(lines)


def _run(lesson: Lesson) -> Iterator[dict[str, Any]]:
    """Every step with its runs, in this process, and what came true."""
    from gi_core.cli.progress import Bar
    from gi_core.cli.runner import Runner  # torch loads here

    bar = Bar()
    runner = Runner(bar)
    try:
        for step in lesson.steps:
            yield _step(step, runner)
    finally:
        bar.close()


def _step(step: Step, runner: Any) -> dict[str, Any]:
    results: dict[int, Result] = {}
    error = ""
    for number in range(1, step.values + 1):
        document = runner.start(step.asked(number))
        if "metrics" in document:
            results[number] = document
        else:
            error = str(document.get("error") or document["status"])
    found = judging.outcome(step, results)
    right = step.choices[found.right].text if found is not None and found.right is not None else None
    return {
        "title": step.title, "right": right, "measured": list(found.measured) if found else [],
        "answer": found.answer if found else "", "seconds": [r["seconds"] for r in results.values()], "error": error,
    }  # fmt: skip


def _outcomes(found: list[dict[str, Any]]) -> str:
    lines = []
    for number, step in enumerate(found, 1):
        lines += [f"{number}. {step['title']}", *_wrap("; ".join(step["measured"]), 3)]
        lines += _wrap(f"Came true: {step['right'] or 'none of the predictions'}", 3)
        lines += _wrap(step["error"] or step["answer"] or "", 3)
    return "\n".join(lines)


def _wrap(text: str, indent: int) -> list[str]:
    width = max(50, min(110, shutil.get_terminal_size().columns))
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)

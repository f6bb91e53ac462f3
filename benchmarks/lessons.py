"""What each run of the lessons takes, in CPU seconds, and which prediction came true.

`python -m benchmarks.lessons` prints a line for each step: on two cores no run may take longer than half a minute. The time is that of
the whole run, with the preparing, the judging and what is said of the answer; loading torch is not in it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from gi_core.common.threads import one_thread
from gi_core.experiments.execute import execute
from gi_core.experiments.setup import Questions
from gi_core.jobs.sink import Free
from gi_core.lessons import judging, ready
from gi_core.lessons.lesson import Step
from gi_core.types.result import Result


class _Kept:
    """A run's folder, and nobody who watches."""

    run_id = "lessons"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, *_: object) -> None: ...

    thin_points = forget_points = snapshot = originals = log = notice = record


def played(step: Step, questions: Questions) -> tuple[list[float], str]:
    """CPU seconds of each run, and what came true."""
    seconds: list[float] = []
    results: dict[int, Result] = {}
    for number in range(1, step.values + 1):
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            document = execute(step.asked(number), sink=_Kept(Path(folder)), control=Free(), questions=questions)
        if "metrics" in document:
            results[number] = document
        seconds.append(time.process_time() - start)
    found = judging.outcome(step, results)
    right = found.right if found is not None else None
    return seconds, step.choices[right].text if right is not None else "none of the predictions"


def main() -> None:
    one_thread()
    questions = Questions()
    for name, lesson in ready().items():
        for number, step in enumerate(lesson.steps, 1):
            seconds, right = played(step, questions)
            print(f"{name} {number}: {' '.join(f'{one:.1f}' for one in seconds)} s; {right}", flush=True)


if __name__ == "__main__":
    main()

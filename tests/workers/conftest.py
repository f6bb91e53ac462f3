"""A store, and a worker of its interactive lane."""

from __future__ import annotations

import pytest

from gi_core.experiments.setup import Questions
from gi_core.jobs.store import Store
from gi_core.workers.worker import Worker


@pytest.fixture
def store(gi_home) -> Store:
    return Store()


@pytest.fixture
def worker(store) -> Worker:
    made = Worker(store, "interactive")
    made.questions = Questions()
    return made

"""One job of a worker, here or in a thread."""

from __future__ import annotations

import threading

from gi_core.workers.worker import Worker


def do_next(worker: Worker):
    job = worker.writer.claim(worker.lane)
    worker.do(job)
    return worker.store.job(job.id)


def in_thread(worker: Worker, job) -> threading.Thread:
    thread = threading.Thread(target=worker.do, args=(job,))
    thread.start()
    return thread

"""`federate`: a federation over rounds from a file of settings, kept in the same store as everybody's."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gi_core.cli.files import content, folder
from gi_core.cli.progress import Bar
from gi_core.cli.taking import FOLLOW_SECONDS, Taker, reason_of
from gi_core.common.paths import user_path
from gi_core.metrics.claims import sentence
from gi_core.settings import SpecError
from gi_core.settings.documents import MOST_BYTES
from gi_core.settings.federation import Federation, build_federation, read_federation
from gi_core.types.exposure import exposures

if TYPE_CHECKING:
    from gi_core.jobs.job import Job
    from gi_core.jobs.writer import Writer


def federate(arguments: argparse.Namespace) -> int:
    """Print one line for each round; with --json one object. Raises SpecError."""
    from gi_core.cli import DONE, FAILED, INTERRUPTED

    if bool(arguments.file) == bool(arguments.resume):
        raise SpecError("give a file, or go on with a federation by --resume ID")
    settings = _read(arguments.file) if arguments.file else None
    out = folder(arguments.out) if arguments.out else None
    bar = Bar()
    bar.show(0.0, "starting", now=True)
    try:
        runner = _Runner(bar)
        document = runner.run(settings, out) if settings is not None else runner.resume(arguments.resume, out)
    finally:
        bar.close()
    print(json.dumps(document) if arguments.json else text(document))
    return {"done": DONE, "cancelled": INTERRUPTED}.get(document["status"], FAILED)


def _read(name: str) -> Federation:
    path = user_path(name)
    return read_federation(content(path, repr(name), MOST_BYTES), path.suffix.lower() == ".toml")


class _Runner(Taker):
    """Starts or resumes a federation and sees it to its end."""

    def run(self, settings: Federation, out: Path | None) -> dict[str, Any]:
        spec = settings.model_dump(mode="json")
        return self._see(
            self.store.submit("federation", spec, lane="batch", title=settings.title), settings, out, False
        )

    def resume(self, number: str, out: Path | None) -> dict[str, Any]:
        """Go on after the last round that was kept. Raises SpecError where there is nothing to go on with."""
        job = self.store.job(number)
        if job is None or job.kind != "federation":
            raise SpecError(f"there is no federation {number[:40]!r}")
        job = self.store.control(number, "resume")
        if job.state != "queued":
            raise SpecError(f"federation {number} is {job.state}: only an interrupted one can be resumed")
        return self._see(number, build_federation(job.spec), out, True)

    def _see(self, number: str, settings: Federation, out: Path | None, again: bool) -> dict[str, Any]:
        here = partial(self._here, number=number, settings=settings, again=again)
        return _exported(self.taken(number, "the federation", here, self._watch), out)

    def _here(self, writer: Writer, _: Job, number: str, settings: Federation, again: bool) -> dict[str, Any]:
        from gi_core.experiments.execute import Stopped
        from gi_core.experiments.federation import running
        from gi_core.experiments.federation.files import STATE
        from gi_core.jobs.sink import StoreControl

        control, place = StoreControl(writer, number), writer.folder(number)

        def progress(fraction: float, said: str, found: dict[str, Any]) -> None:
            self.bar.show(fraction, said)
            asked = "cancel" if self.stopping else control.poll()
            if asked:
                raise Stopped("cancel")

        try:
            document = running.answer(settings, place, progress, again=again, foresee=self.foresee)
        except SpecError as error:
            writer.finish(number, "failed", error=str(error))
            if not (place / STATE).exists():
                self.store.delete(number)  # it never began
            raise
        except Exception as error:  # noqa: BLE001 - whatever happens, the job ends with a reason
            reason = reason_of(error)
            document = {"rounds": [], "out": str(place), "status": "failed", "error": reason}
            writer.finish(number, "failed", document, error=reason)
            return document
        writer.finish(number, document["status"], document)
        return document

    def _watch(self, number: str) -> dict[str, Any]:
        while True:
            job = self.store.job(number)
            if job is None:
                raise SpecError(f"the federation {number} was deleted")
            if job.over:
                if job.result is None:
                    raise SpecError(job.error or f"the federation was {job.state}")
                return job.result
            if self.stopping and not job.asked:
                self.store.control(number, "cancel")
            self.bar.show(float(job.progress.get("fraction") or 0.0), str(job.progress.get("stage") or ""))
            time.sleep(FOLLOW_SECONDS)


def _exported(document: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """All files copied to where the person wants them. Raises SpecError, a full disk included."""
    if out is None:
        return document
    source, document = Path(document["out"]), {**document, "out": str(out)}
    try:
        shutil.copytree(source, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoint.pt", ".*"))
        for asked in out.glob("round_*_experiment.json"):  # they name files by their path
            asked.write_text(
                asked.read_text().replace(json.dumps(str(source))[1:-1], json.dumps(str(out.resolve()))[1:-1])
            )
        (out / "result.json").write_text(json.dumps(document, indent=2) + "\n")
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)[:200]
        raise SpecError(f"cannot write into {str(out)!r}: {reason}; the files are in {source}") from None
    return document


def text(document: dict[str, Any]) -> str:
    """A line for each round, and under it one for each client that was attacked."""
    lines = []
    for entry in document["rounds"]:
        lines.append(f"round {entry['round']}: accuracy {100 * entry['accuracy']:.1f} %, loss {entry['loss']:.4g}")
        for one in entry["clients"]:
            lines.append(
                f"  client {one['client']} ({one['pictures']} picture{'s' * (one['pictures'] > 1)}): {_leak(one)}"
            )
    lines += [f"client {k}: {said}" for k, said in exposures(document["rounds"]).items()]
    lines += [f"note: {notice}" for notice in document.get("notices", ())]
    if document.get("error"):
        lines.append(f"failed: {document['error']}")
    ended = f"{document['status']} after {document['seconds']:.0f} s; " if "seconds" in document else ""
    return "\n".join([*lines, f"{ended}files in {document['out']}"])


def _leak(one: dict[str, Any]) -> str:
    if "error" in one:
        return one["error"]
    if one["rdlv_mean"] is None:
        return one["note"] or "nothing to compare"
    name = "RDLV" if one["measure"] == "rdlv" else "SSIM (nobody else, so no prior)"
    spread = f" ({one['rdlv_low']:.2f} to {one['rdlv_high']:.2f})" if one["pictures"] > 1 else ""
    known = f"; {sentence(one['words'])}" if "words" in one else ""
    return f"{name} {one['rdlv_mean']:.2f}{spread}, SSIM {one['ssim']:.3f}, PSNR {one['psnr']:.1f} dB{known}"

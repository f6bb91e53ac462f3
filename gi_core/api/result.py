"""What an attack gives back in Python: pictures, labels, how much of the update they explain, figures and a report."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gi_core import metrics
from gi_core.api.pictures import labels_of, taken
from gi_core.api.running import Done
from gi_core.common.errors import SpecError
from gi_core.experiments import run_files
from gi_core.experiments.live_view import to_uint8
from gi_core.experiments.picture_files import sheet
from gi_core.metrics.claims import sentence, words_of
from gi_core.reports import attempts
from gi_core.reports.pictures import uri
from gi_core.settings import Experiment
from gi_core.settings.registry import suggestion
from gi_core.types.result_parts import Judged

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from gi_core.figures import Theme
    from gi_core.reports.taken import Run

_SHOWN = 192
"""Pixels of a picture in a notebook."""


class Result:
    """The end of an attack.

    images: (N, C, H, W) float32 in [0, 1], in pixels (the normalisation is undone). labels: (N,) int64, None where a loss of
    one's own has no classes. residual: ||g - g*|| / ||g*||, the share of the update that the answer does not explain (of an
    update that was given, at the best factor); None where it could not be worked out. matched: whether that is as small as a
    search asks for; it does not say that the picture is right. document: everything, as docs/results.md has it.
    tried: of `attack="auto"`, one sentence for each attack.
    """

    def __init__(self, done: Done) -> None:
        self.done = done
        self.document: dict[str, Any] = dict(done.document)
        self.images: Tensor = torch.from_numpy(np.clip(np.nan_to_num(done.images), 0, 1).astype(np.float32))
        self.tried: tuple[str, ...] = tuple(attempts.lines(done.document["attacker"].get("tried", [])))
        self.notices: tuple[str, ...] = done.notices

    @property
    def experiment(self) -> Experiment:
        """The question that was asked."""
        return self.done.experiment

    @property
    def labels(self) -> Tensor | None:
        """(N,) int64, in the order of the pictures."""
        if self.experiment.client.own_loss:
            return None
        return torch.tensor(self.done.document["labels"]["recovered"], dtype=torch.int64)

    @property
    def residual(self) -> float | None:
        """The share of the update that the answer does not explain."""
        attacker = self.done.document["attacker"]
        unexplained = attacker.get("unexplained")
        return attacker["residual"] if unexplained is None else unexplained

    @property
    def matched(self) -> bool:
        """Whether the answer explains the update as well as a search asks for."""
        attacker = self.done.document["attacker"]
        return bool(attacker.get("matched", (attacker["residual"] or 1.0) < 1e-3))

    @property
    def status(self) -> str:
        """`done`, or `cancelled` where it was stopped and this is the best so far."""
        return self.done.document["status"]

    @property
    def seconds(self) -> float:
        """Seconds of attacking."""
        return self.done.document["seconds"]

    @property
    def attack(self) -> str:
        """The attack as a command line writes it."""
        return self.experiment.attack.name

    @property
    def metrics(self) -> dict[str, Any]:
        """The pictures beside the originals (docs/words.md), of a run that has them; {} otherwise."""
        return dict(self.done.document["metrics"])

    @property
    def verdict(self) -> str:
        """How good the pictures are, one sentence; without originals, how well they explain the update."""
        return self.done.document["verdict"] if self.done.originals is not None else self._evidence()

    @property
    def words(self) -> dict[str, Any]:
        """matched, unique and right, and what a person would see and a machine finds (docs/words.md); None for what is not known."""
        return {**words_of(self.done.document)}

    @property
    def plan(self) -> dict[str, Any]:
        """How the engine ran it; given to `gi.run` or `gi.attack` it repeats the run bit for bit."""
        return dict(self.done.document["plan"])

    @property
    def run_id(self) -> str:
        """The run's name in the store; "" where it was not kept."""
        return self.done.document["run_id"]

    def compare(self, pictures: Any, labels: Any = None) -> Judged:
        """The answer beside the true pictures, by the metric protocol (docs/words.md); each answer is matched to an original.

        pictures: as `gi.client` takes them, of the same shape. labels: (N,) true ones. Raises SpecError.
        """
        originals = taken(pictures)
        if originals.shape != self.images.shape:
            raise SpecError(
                f"the pictures have shape {tuple(originals.shape)}, and the answer {tuple(self.images.shape)}: give the"
                " originals of this update"
            )
        true = labels_of(labels, len(originals))
        found = self.labels
        recovered = None if found is None else found.numpy()
        return metrics.evaluate(self.images.numpy(), originals, None if true is None else np.asarray(true), recovered)

    def figure(self, name: str = "", theme: Theme = "light") -> go.Figure:
        """One figure of the run, plotly's: its loss curves, or another by name (`figures` lists them). Raises SpecError."""
        every = self.figures(theme)
        if not every:
            raise SpecError("this run has no figure, as it ended before its first step")
        if name and name not in every:
            raise SpecError(f"this run has no figure {name!r}: {suggestion(name, every)}")
        return every[name] if name else next(iter(every.values()))

    def figures(self, theme: Theme = "light") -> dict[str, go.Figure]:
        """All figures of the run by name. theme: light or dark."""
        from gi_core import figures

        if theme not in figures.THEMES:
            raise SpecError(f"a theme is light or dark, not {theme!r}")
        return figures.of_run(self.done.document, self.done.points, self.experiment, theme=theme)

    def report(self, path: str | Path) -> Path:
        """Write everything as one file that opens offline: `.html`, or `.pdf` where there is a Chromium. Raises SpecError."""
        from gi_core.reports import writing

        return writing.write(self.taken(), path)

    def taken(self) -> Run:
        """The run as `gi_core.reports` takes it."""
        from gi_core.reports.taken import Run

        originals = self.done.originals
        return Run(
            id=self.run_id, title="", state=self.status, spec=self.experiment.model_dump(mode="json"),
            result=self.done.document, points=self.done.points, images=to_uint8(torch.from_numpy(self.done.images)),
            originals=None if originals is None else to_uint8(torch.from_numpy(originals)), notices=self.notices,
        )  # fmt: skip

    def save(self, folder: str | Path) -> Path:
        """Write result.json, reconstruction.npz, PNGs and history.csv, as `--out` of the command line. Raises SpecError."""
        place = Path(folder).expanduser()
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpecError(f"cannot write to {place}: {error.strerror or error}") from None
        (place / "experiment.json").write_text(self.experiment.to_json(indent=2))
        run_files.write(place, self.done.document, self.done.images, self.done.originals, list(self.done.points))
        return place

    def _evidence(self) -> str:
        rest = self.residual
        if rest is None:
            return "how much of the update the answer explains could not be worked out"
        if self.matched:
            return (
                f"the answer explains the update (residual {rest:.2g}); whether it is the picture only the picture itself"
                " tells"
            )
        return f"the answer leaves {rest:.2g} of the update unexplained, so it is not the picture, or not all of it"

    def _rows(self) -> dict[str, str]:
        rest = self.residual
        rows = {
            "attack": self.attack, "residual": "-" if rest is None else f"{rest:.3g}",
            "seconds": f"{self.seconds:.1f} ({self.done.document['iterations']} iterations, {self.status})",
        }  # fmt: skip
        if self.labels is not None:
            rows["labels"] = ", ".join(str(int(k)) for k in self.labels)
        psnr = self.metrics.get("psnr")
        rows["words"] = sentence(self.words)
        return rows | ({"PSNR": f"{psnr:.1f} dB"} if psnr is not None else {})

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.images.shape))
        return f"Result({', '.join(f'{k}: {v}' for k, v in self._rows().items())}, images: {shape})"

    def _repr_html_(self) -> str:
        """The pictures and what is said of them, in a notebook."""
        pictures = [("answer", self.images.numpy())]
        if self.done.originals is not None:
            pictures.insert(0, ("original", self.done.originals))
        shown = "".join(
            f'<figure style="display:inline-block;margin:0 1em 0 0"><img alt="{title}" width="{_SHOWN}"'
            f' style="image-rendering:pixelated" src="{uri(sheet(images))}"><figcaption>{title}</figcaption></figure>'
            for title, images in pictures
        )
        rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in self._rows().items())
        return f"<div>{shown}<table>{rows}</table><p>{html.escape(self.verdict)}</p></div>"

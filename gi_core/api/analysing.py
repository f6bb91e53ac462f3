"""`gi.rank` and `gi.influence`: what can be said of a network, and of a picture, without attacking."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from gi_core.analysis.rank.adapters import AdapterRank, of_graph
from gi_core.api import asking
from gi_core.api.clients import as_pictures, loss_of, needed
from gi_core.api.networks import CLASSES, opened
from gi_core.api.pictures import labels_of, shape_of, taken
from gi_core.api.watching import Bar
from gi_core.common.errors import SpecError
from gi_core.common.threads import on_one_thread
from gi_core.experiments import influence_analysis
from gi_core.settings.drawings import drawing
from gi_core.settings.network_base import Model

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from gi_core.figures import Theme


class Analysis:
    """An answer without an attack. document: everything, as the command line prints it with --json. spec: what was asked."""

    def __init__(self, kind: str, document: Any, sentences: list[str], spec: dict[str, Any]) -> None:
        self.kind, self.document, self.spec, self._sentences = kind, dict(document), spec, sentences

    def figures(self, theme: Theme = "light") -> dict[str, go.Figure]:
        """Its figures by name. theme: light or dark."""
        from gi_core import figures

        if theme not in figures.THEMES:
            raise SpecError(f"a theme is light or dark, not {theme!r}")
        of = figures.of_rank if self.kind == "rank" else figures.of_influence
        return of(self.document, theme=theme)

    def figure(self, name: str = "", theme: Theme = "light") -> go.Figure:
        """One figure, the first or by name. Raises SpecError."""
        every = self.figures(theme)
        if name and name not in every:
            raise SpecError(f"there is no figure {name!r}: known are {', '.join(every)}")
        return every[name or next(iter(every))]

    def report(self, path: str | Path) -> Path:
        """Write it as one file that opens offline, `.html` or `.pdf`. Raises SpecError."""
        from gi_core.reports import analyses, writing

        rank = self.kind == "rank"
        return writing.write(
            analyses.rank(self.document) if rank else analyses.influence(self.spec, self.document), path
        )

    def __repr__(self) -> str:
        return "\n".join(self._sentences)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{html.escape(text)}</p>" for text in self._sentences)


class Rank(Analysis):
    """Whether a network's gradient has enough equations to give a picture away. verdict: exact, optimisation, partial or
    unsupported. sentence: what that means. layers: a row for each layer, image first (docs/rank.md).
    """

    @property
    def verdict(self) -> str:
        return str(self.document["verdict"])

    @property
    def sentence(self) -> str:
        return str(self.document["sentence"])

    @property
    def layers(self) -> list[dict[str, Any]]:
        return list(self.document["layers"])

    @property
    def rounds(self) -> dict[str, Any] | None:
        """What several updates of one picture show together: exact_after, sentence, a row for each round; None unless asked for."""
        found: dict[str, Any] | None = self.document["rounds"]
        return found

    @property
    def adapters(self) -> list[dict[str, Any]] | None:
        """What an update of adapters alone shows of each dense layer's input; None unless asked for."""
        found: list[dict[str, Any]] | None = self.document["adapters"]
        return found

    @property
    def attention(self) -> dict[str, Any] | None:
        """Of a vision transformer: its shape, what is open of one picture, coset_most and exact_most, a row for each batch."""
        return self.document["attention"]


class Influence(Analysis):
    """How precisely an update shows each picture. samples: a row for each; predicted_rmse: of the first, per pixel in [0, 1],
    for an attacker without a picture prior (docs/influence.md).
    """

    @property
    def samples(self) -> list[dict[str, Any]]:
        return list(self.document["samples"])

    @property
    def predicted_rmse(self) -> float | None:
        found = self.samples[0].get("predicted_rmse")
        return None if found is None else float(found)


def known_transformers(side: int | None = None) -> list[dict[str, Any]]:
    """What known vision transformers give away: for each, directions that one picture leaves open, and up to how many pictures
    a coset exists and all come back exactly.

    m = B T patches: coset for m <= min(D - 1, n), exact for m^2 - B <= H (d - c + 1)(d - c)

    side: of the pictures in pixels; those of every size when left out.

    Raises SpecError where none of them is of that size.

    This project's own.
    """
    from gi_core.analysis.rank.known_transformers import TRANSFORMERS

    found = [known.to_json() for known in TRANSFORMERS if side in (None, known.side)]
    if not found:
        sides = ", ".join(map(str, sorted({known.side for known in TRANSFORMERS})))
        raise SpecError(f"no known transformer takes pictures of {side!r} pixels here: give one of {sides}")
    return found


def rank(
    model: nn.Module | str, input_shape: Any, *, measured: bool = False, classes: int | None = None, rounds: int = 0,
    rate: float = 0.1, adapter: int = 0, adapter_start: str = "zero", pictures: int = 1,
) -> Rank:  # fmt: skip
    """Whether the gradient of one picture has enough equations to compute that picture, layer by layer.

    D = unknowns - rank([W; K]) for each layer, from what is counted, or with measured=True from the real operators.

    model: a torch module, whose plain chains and residual blocks are traced, or a network's name. Where the trace stops, the
        sentence says at which operation, and the layers behind it are counted still.
    input_shape: (C, H, W) of a picture.
    measured: whether ranks are measured on the network's weights.
    classes: outputs of a network's name.
    rounds: up to how many updates of one picture are looked at together, each at the weights after the one before; 0 for none.
    rate: step of the network between these rounds, down the picture's gradient.
    adapter: rank of adapters beside every dense layer, which alone are sent; 0 for none.
    adapter_start: zero (B = 0, as before the first training) or trained.
    pictures: behind one update of adapters.

    Raises SpecError, one sentence.

    Zhu and Blaschko, R-GAP, ICLR 2021; Chen and Campbell, BMVC 2022.
    """
    from gi_core.experiments.rank_analysis import exposed, of_module

    shape = shape_of(input_shape)
    with opened(model, shape, classes) as network:
        name = network.name
        with on_one_thread():
            outputs = network.settings.classes or CLASSES
            found = of_module(network.settings, network.module, shape, outputs, measured, name=name)
            if rounds:
                together = exposed(network.settings, network.module, shape, outputs, rounds, rate)
                found = replace(found, rounds=together)
            if adapter:
                found = replace(
                    found, adapters=_adapters(network.settings, shape, outputs, adapter, adapter_start, pictures)
                )
    said = [f"{found.model}: {found.verdict}", found.sentence, *found.notices]
    said += [one.sentence() for one in found.adapters or ()]
    if found.rounds is not None:
        said.append(found.rounds["sentence"])
    return Rank("rank", found.to_json(), said, {"model": name, "input": list(shape)})


def _adapters(
    settings: Model, shape: tuple[int, int, int], classes: int, rank: int, start: str, pictures: int
) -> tuple[AdapterRank, ...]:
    if start not in ("zero", "trained"):
        raise SpecError(f"adapter_start is zero or trained, not {start!r}")
    return of_graph(drawing(settings, shape, classes), rank, pictures, start == "zero")


def influence(
    model: nn.Module | str, picture: Any, label: Any, *, loss: str | None = None, normalise: Any = "none",
    defenses: Any = (), noise_std: float | None = None, damping: float | None = None, seconds: float = 60.0,
    batch_norm: str | None = None, classes: int | None = None, seed: int = 0, device: str = "auto", progress: bool = True,
) -> Influence:  # fmt: skip
    """How precisely the gradient shows a picture, without attacking: the error that noise on the update causes.

    dx = (J J^T + damping)^-1 J delta, with J the derivative of the gradient by the picture

    model: a torch module or a network's name.
    picture: one or several, in the forms that `gi.client` takes; each is analysed as if it were alone.
    label: a class number for each.
    noise_std: standard deviation of noise on every value of the update; without it, what the defenses change, else rounding.
    damping: absolute, 1 is the published default; next to none when left out.
    seconds: for the spectrum of one picture.
    loss, normalise, defenses, batch_norm, classes, seed, device, progress: as in `gi.client` and `gi.attack`.

    Raises SpecError, one sentence.

    Zhang et al., Inversion influence function, NeurIPS 2023.
    """
    images = taken(picture, "the picture" if np.ndim(label) == 0 else "the pictures")
    shape = (int(images.shape[1]), int(images.shape[2]), int(images.shape[3]))
    known = needed(labels_of(label, len(images)))
    if loss_of(loss)[0] is not None:
        raise SpecError("the influence is that of a named loss: give cross_entropy, logistic or mse")
    with opened(model, shape, classes) as network:
        mode = {"batch_norm": batch_norm or network.batch_norm, "loss": loss or ""}
        trained = asking.with_named(asking.component("client", "fedsgd"), {k: v for k, v in mode.items() if v})
        asked = asking.playable(
            asking.held(
                network.settings, shape, known, len(images), client=trained, normalise=normalise, defenses=defenses,
                seed=seed, device=device,
            )
        )  # fmt: skip
        pictures = as_pictures(asked, images, known)
        bar = Bar(progress)
        try:
            with on_one_thread():
                found = influence_analysis.of_pictures(
                    asked, network.module, pictures, noise_std, damping, seconds, progress=bar.show
                )
        finally:
            bar.close()
    for i, row in enumerate(found["samples"]):
        row["sample"] = f"picture {i + 1}"  # it has no reference
    said = [row["error"] if "error" in row else f"{row['class_name']}: {row['words']}" for row in found["samples"]]
    found["model"] = network.name
    return Influence("influence", found, [*said, *found["notices"]], {
        "experiment": asked.model_dump(mode="json"), "noise_std": noise_std, "damping": damping, "seconds": seconds,
    })  # fmt: skip

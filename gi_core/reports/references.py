"""Whose work a run rests on: from the kinds of its settings to the entries of `papers.bib`.

A kind with no paper of its own has an empty tuple: a new kind without a line here is found by a test.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gi_core.data.views import bare
from gi_core.metrics import registry
from gi_core.reports.taken import Run

_DLG, _IG, _RGAP, _TMI, _YIN = (
    ("zhu2019deep",),
    ("geiping2020inverting",),
    ("zhu2021rgap",),
    ("hatamizadeh2023gradient",),
    ("yin2021see",),
)
_RESNET = ("he2016deep",)
ATTACKS: dict[str, tuple[str, ...]] = {
    "auto": ("croce2020reliable",),
    "dlg": _DLG, "idlg": ("zhao2020idlg",), "inverting_gradients": _IG, "analytic_linear": _IG, "rgap": _RGAP, "rgap_hybrid": _RGAP,
    "levenberg_marquardt": ("levenberg1944method", "marquardt1963algorithm"), "peeling": (), "residual": (), "fl_gradient_inversion": _TMI,
    "transformer": ("lu2022april",), "spear": ("dimitrov2024spear",), "imprint": ("fowl2022robbing",),
    "trained_part": ("hu2022lora", *_IG), "grad_inversion": _YIN,
}  # fmt: skip
MODELS: dict[str, tuple[str, ...]] = {
    "lenet": ("lecun1998gradient", *_DLG), "convnet": _IG, "resnet20": _RESNET, "resnet32": _RESNET, "resnet56": _RESNET,
    "resnet18": _RESNET, "resnet34": _RESNET, "resnet50": _RESNET, "resnet152": _RESNET, "densenet121": ("huang2017densely",),
    "mobilenet_v2": ("sandler2018mobilenetv2",), "vit": ("dosovitskiy2021image",), "mlp": (), "linear": (), "cnn6": _RGAP,
    "cnn6_d": _RGAP, "fcn3": _RGAP, "custom": (),
}  # fmt: skip
DEFENSES: dict[str, tuple[str, ...]] = {
    "gaussian_noise": _DLG, "laplace_noise": _DLG, "percentile_noise": _TMI, "protective_direction": ("zhang2023understanding",),
    "clipping": (), "dp_sgd": ("abadi2016deep", "dong2022gaussian", "balle2022reconstructing", "hayes2023bounding"), "pruning": _DLG, "random_pruning": ("konecny2016federated",),
    "top_k": ("aji2017sparse",), "quantisation": (), "half_precision": (), "withheld_layers": (), "soteria": ("sun2021soteria",),
    "precode": ("scheliga2022precode",), "mixing": ("zhang2018mixup", "huang2020instahide"),
}  # fmt: skip
CLIENTS: dict[str, tuple[str, ...]] = {"fedsgd": ("mcmahan2017communication",), "fedavg": ("mcmahan2017communication",)}
SERVERS: dict[str, tuple[str, ...]] = {
    "honest": (),
    "fishing": ("wen2022fishing",),
    "imprint": ("fowl2022robbing",),
    "trap": ("boenisch2023curious",),
}
METRICS: dict[str, tuple[str, ...]] = {name: metric.cites for name, metric in registry.METRICS.items()}
DATA: dict[str, tuple[str, ...]] = {
    "bundled": ("vanderwalt2014scikit",), "faces": ("huang2007labeled", "vanderwalt2014scikit"), "mnist": ("lecun1998gradient",),
    "fashion_mnist": ("xiao2017fashion",), "cifar10": ("krizhevsky2009learning",), "cifar100": ("krizhevsky2009learning",),
}  # fmt: skip
WEIGHTS: dict[str, tuple[str, ...]] = {"fresh": (), "trained": (), "file": (), "imagenet": ("russakovsky2015imagenet",)}
ANALYSES: dict[str, tuple[str, ...]] = {
    "rank": (*_RGAP, "chen2022analysing"), "influence": ("zhang2023understanding",), "federation": ("mcmahan2017communication",),
}  # fmt: skip
SOFTWARE = ("paszke2019pytorch",)
_ENTRY = re.compile(r"@(\w+)\{([\w-]+),\n(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"^\s*(\w+) = \{(.*)\},?$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """One paper. text: its BibTeX. fields: by name, in TeX."""

    key: str
    text: str
    fields: Mapping[str, str]

    @property
    def line(self) -> str:
        """Authors, title, where and when, as plain text."""
        authors = [_plain(a).partition(", ") for a in self.fields["author"].split(" and ")]
        names = [f"{given} {family}".strip() for family, _, given in authors]
        who = (
            ", ".join(names[:-1]) + " and " + names[-1]
            if 1 < len(names) <= 3
            else names[0] + (" et al." if names[1:] else "")
        )
        where = next(_plain(self.fields[f]) for f in ("booktitle", "journal", "institution") if f in self.fields)
        title = _plain(self.fields["title"])
        stop = "" if title.endswith("?") else "."
        return f"{who}: {title}{stop} {where}, {self.fields['year']}."


@lru_cache(maxsize=1)
def papers() -> dict[str, Entry]:
    """Key -> entry, of all of `papers.bib`."""
    text = (Path(__file__).parent / "papers.bib").read_text("utf-8")
    return {m[2]: Entry(m[2], m[0], dict(_FIELD.findall(m[3]))) for m in _ENTRY.finditer(text)}


def of_runs(runs: Sequence[Run]) -> list[Entry]:
    """Entries of what these runs used, each once, in the order of first use."""
    return entries(
        key for run in runs for key in keys(run.spec, run.result["metrics"] if run.result else {}, run.truth)
    )


def entries(keys: Iterable[str]) -> list[Entry]:
    """The entries of these keys, each once."""
    return [papers()[key] for key in dict.fromkeys(keys)]


def keys(spec: Mapping[str, Any], metrics: Mapping[str, Any] | None = None, pictures: bool = True) -> list[str]:
    """Keys of what an experiment uses. metrics: those that were measured count. pictures: whether their source may be told."""
    found: list[str] = [*ATTACKS.get(_kind(spec, "attack"), ()), *MODELS.get(_kind(spec, "model"), ())]
    found += CLIENTS.get(_kind(spec, "client"), ())
    found += SERVERS.get(_kind(spec, "server"), ())
    found += WEIGHTS.get(_kind(spec, "weights"), ())
    for one in spec.get("defenses") or ():
        found += DEFENSES.get(str(one.get("kind")), ())
    for ref in (spec.get("samples") or ()) if pictures and not spec.get("recorded") else ():
        found += DATA.get(source(str(ref)), ())
    for name, value in (metrics or {}).items():
        found += METRICS.get(name, ()) if value is not None else ()
    return list(dict.fromkeys([*found, *SOFTWARE]))


def source(ref: str) -> str:
    """The data set of a reference: a key of `DATA`, or "" for a person's own pictures."""
    plain = bare(ref)
    if plain.startswith("bundled/"):
        return "faces" if plain.startswith("bundled/faces") else "bundled"
    name = re.split(r"[:/]", plain, maxsplit=1)[0]
    return name if name in DATA else ""


def bibtex(found: Iterable[Entry]) -> str:
    """The entries as a .bib file."""
    return "\n\n".join(entry.text for entry in found) + "\n"


def _kind(spec: Mapping[str, Any], part: str) -> str:
    usual = {
        "attack": "levenberg_marquardt", "model": "lenet", "client": "fedsgd", "server": "honest", "weights": "fresh",
    }[part]  # fmt: skip
    return str((spec.get(part) or {}).get("kind", usual))


_ACCENTS = {'"': "\u0308", "'": "\u0301", "v": "\u030c", "c": "\u0327"}


def _plain(tex: str) -> str:
    """TeX of `papers.bib` as plain text: its accents, dashes and braces."""
    text = re.sub(r"\{\\([\"'vc])\{?(\w)\}?\}", lambda m: unicodedata.normalize("NFC", m[2] + _ACCENTS[m[1]]), tex)
    return text.replace("--", "–").replace("{", "").replace("}", "").replace("\\&", "&")

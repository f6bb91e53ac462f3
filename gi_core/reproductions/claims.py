"""What was published, as data: the claim, where it was read, and the experiment that asks the same."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gi_core.metrics.registry import METRICS
from gi_core.reproductions.findings import Finding
from gi_core.settings import Experiment, SpecError
from gi_core.settings.base import Settings, setting
from gi_core.settings.documents import read_toml
from gi_core.settings.overrides import overridden
from gi_core.settings.registry import suggestion
from gi_core.settings.sentences import made
from gi_core.settings.utility import Training

Budget = Literal["small", "full"]
Source = Literal["source", "plot", "mirror", "measured with their code", "second hand", "unread"]
"""source: the number was read in the publication or its repository. plot: read off a figure. mirror: full text at another place.
second hand: somebody else's sentence. unread: the table was not found.
"""
OTHERS = {"loss": "", "seconds": "s"}
"""What a claim may speak of besides metrics, with its unit: the attacker's own loss at the end, and seconds of attacking."""
UNPRINTED: tuple[Source, ...] = ("second hand", "unread")
"""Sources whose number is never printed as the paper's."""
Pictures = Literal["mnist", "cifar10", "cifar100", "lfw", "imagenet", "chest_xrays"]
TITLES: dict[Pictures, str] = {
    "mnist": "MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "lfw": "Labeled Faces in the Wild", "imagenet": "ImageNet",
    "chest_xrays": "chest X-rays",
}  # fmt: skip
_FOLDER = Path(__file__).parent
_Id = Annotated[str, Field(pattern=r"^[a-z0-9_]{3,60}$")]


class Amount(Settings):
    """What one budget allows. pictures: how many are attacked, each in a run of its own. changes: settings in its place."""

    pictures: int = setting(
        ..., "Pictures, each attacked in a run of its own; 0: not within this budget.", ge=0, le=1000
    )
    changes: dict[str, Any] = setting({}, "Settings that differ from the published ones, by path.")


class Setting(Settings):
    """One experiment, asked of many pictures, each with a seed and (`network = "each"`) an initialisation of its own.

    controls: of how many pictures the standing controls are run too. accuracy: the training (`settings.utility.Training`, without its
    data) that tells what the setting's defenses cost; empty: none. differs: in what it differs from the published experiment, one
    sentence; empty where in nothing. fewer: why the small budget has fewer than 50 pictures.
    """

    id: _Id
    title: str = setting(..., "What a person calls it.", max_length=120)
    pictures: Pictures
    base: dict[str, Any]
    network: Literal["one", "each"] = "each"
    small: Amount
    full: Amount
    controls: int = setting(2, "Of how many pictures the standing controls are run too.", ge=0, le=1000)
    accuracy: dict[str, Any] = setting({}, "The training that accuracy is measured by, without its data.")
    differs: str = setting("", "How it differs from the published experiment.", max_length=400)
    fewer: str = setting("", "Why there are fewer than 50 pictures.", max_length=200)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.experiment("small")
        self.experiment("full")
        if not self.small.pictures and not self.full.pictures:
            raise ValueError(f"setting {self.id!r}: one of the budgets has pictures")
        if self.small.pictures < 50 and not self.fewer:
            raise ValueError(f"setting {self.id!r}: say in `fewer` why there are fewer than 50 pictures")
        if self.accuracy:
            self.training("bundled")
        return self

    def training(self, pictures: str) -> Training | None:
        """What accuracy is measured by on a data set of this name; None where it is not."""
        return made(Training, {**self.accuracy, "data": pictures}, "accuracy: ") if self.accuracy else None

    def amount(self, budget: Budget) -> Amount:
        return self.small if budget == "small" else self.full

    def whole(self, budget: Budget) -> bool:
        """Whether a budget spends the published effort."""
        return not self.amount(budget).changes

    def experiment(self, budget: Budget) -> Experiment:
        """What all its runs share."""
        try:
            return overridden(overridden(Experiment(), self.base), self.amount(budget).changes)
        except SpecError as error:
            raise ValueError(f"setting {self.id!r}: {error}") from None


class Claim(Settings):
    """One published number.

    paper: its entry in papers.bib. where: table, figure or file. convention: how the number is to be read. published: in the
    claim's unit; shares in per cent. tolerance: how far a value may lie off by the reading of it alone, in the same unit.
    statistic: of `metric` over the pictures: its median or mean, or the share (per cent) below or above a bound.
    why: what explains a difference, said where one is found.
    """

    id: _Id
    experiment: _Id | None = None
    missing: str = setting("", "Why no experiment here tests it.", max_length=300)
    paper: str = setting(..., "Entry of papers.bib.", max_length=60)
    where: str = setting(..., "Table, figure or file.", max_length=120)
    claim: str = setting(..., "What was published, one sentence.", max_length=300)
    source: Source
    printed: str = setting("", "The number as it was printed.", max_length=120)
    metric: str | None = None
    statistic: Literal["median", "mean", "share"] = "median"
    below: float | None = None
    above: float | None = None
    published: float | None = None
    upper: float | None = setting(None, "Where a range was published: its upper end; `published` is the lower.")
    tolerance: float = setting(0.0, "How far the value may lie off by its reading alone.", ge=0)
    convention: str = setting("", "How the number is to be read.", max_length=300)
    why: str = setting("", "What explains a difference.", max_length=500)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.experiment is None) != bool(self.missing) or (self.experiment is None) != (self.metric is None):
            raise ValueError(
                f"claim {self.id!r}: give `experiment` and `metric`, or in `missing` why no experiment tests it"
            )
        if self.metric is not None and self.metric not in (*METRICS, *OTHERS):
            known = (*METRICS, *OTHERS)
            raise ValueError(f"claim {self.id!r}: there is no metric {self.metric!r}: {suggestion(self.metric, known)}")
        if (self.statistic == "share") != ((self.below is None) != (self.above is None)):
            raise ValueError(f"claim {self.id!r}: a share takes one of `below` and `above`, nothing else does")
        unprinted = self.source in UNPRINTED
        if bool(self.printed) == unprinted or (unprinted and self.published is not None):
            raise ValueError(
                f"claim {self.id!r}: a number that was read has `printed`; one that is {' or '.join(UNPRINTED)} has none"
            )
        if self.experiment is not None and not unprinted and self.published is None:
            raise ValueError(f"claim {self.id!r}: what an experiment tests has its number in `published`")
        if self.upper is not None and (self.published is None or self.upper < self.published):
            raise ValueError(f"claim {self.id!r}: `upper` is the upper end of a range that `published` begins")
        return self

    @property
    def unit(self) -> str:
        """Of `published` and of what is measured."""
        if self.statistic == "share":
            return "%"
        return METRICS[self.metric].unit if self.metric in METRICS else OTHERS.get(self.metric or "", "")


class Study(Settings):
    """One file: settings of a system and the claims that they test."""

    system: str = setting(..., "Whose system it is.", max_length=120)
    place: int = setting(100, "Its place in lists, the least first.", ge=0, le=1000)
    settings: tuple[Setting, ...]
    claims: tuple[Claim, ...]
    findings: tuple[Finding, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known, named = [one.id for one in self.settings], [one.id for one in self.claims]
        for finding in self.findings:
            for name in finding.claims:
                if name not in named:
                    raise ValueError(
                        f"finding {finding.title!r}: there is no claim {name!r} in this file: {suggestion(name, named)}"
                    )
        for claim in self.claims:
            if claim.experiment is not None and claim.experiment not in known:
                raise ValueError(
                    f"claim {claim.id!r}: there is no setting {claim.experiment!r}: {suggestion(claim.experiment, known)}"
                )
        for ids in (known, named):
            double = next((one for one in ids if ids.count(one) > 1), None)
            if double:
                raise ValueError(f"two are called {double!r}")
        return self


def read_study(content: bytes, what: str = "the file") -> Study:
    """A study from the bytes of a TOML file. Raises SpecError with one sentence."""
    values = read_toml(content, what=what)
    if not isinstance(values, dict) or not values:
        raise SpecError(f"{what} holds no claims: write [[settings]] and [[claims]]")
    return made(Study, values, f"{what} is not valid: ")


def read_studies(contents: dict[str, bytes]) -> tuple[Study, ...]:
    """Studies of several files, by file name. Raises SpecError: two claims or settings of one name."""
    found = tuple(read_study(content, name) for name, content in contents.items())
    for ids in ([s.id for one in found for s in one.settings], [c.id for one in found for c in one.claims]):
        double = next((one for one in ids if ids.count(one) > 1), None)
        if double:
            raise SpecError(f"two files name {double!r}")
    return found


@lru_cache(maxsize=1)
def studies() -> tuple[Study, ...]:
    """All that are shipped, in their places."""
    found = read_studies({path.name: path.read_bytes() for path in sorted(_FOLDER.glob("*.toml"))})
    return tuple(sorted(found, key=lambda one: one.place))


def claims(ids: tuple[str, ...] = (), among: tuple[Study, ...] | None = None) -> tuple[Claim, ...]:
    """The claims of these names, all where none is given, in the files' order. Raises SpecError that names the nearest."""
    known = {one.id: one for study in among or studies() for one in study.claims}
    for name in ids:
        if name not in known:
            raise SpecError(f"there is no claim {name!r}: {suggestion(name, known)}")
    return tuple(one for name, one in known.items() if not ids or name in ids)


def setting_of(claim: Claim, among: tuple[Study, ...] | None = None) -> Setting | None:
    """The setting that a claim is tested in; None where no experiment tests it."""
    return next((one for study in among or studies() for one in study.settings if one.id == claim.experiment), None)


def findings_of(claim: Claim, among: tuple[Study, ...] | None = None) -> tuple[Finding, ...]:
    """What was found otherwise than published, and concerns this claim."""
    return tuple(one for study in among or studies() for one in study.findings if claim.id in one.claims)

"""`gi.audit`: may this update leave the client?"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from gi_core import data
from gi_core.api import asking
from gi_core.api.attacking import AUTO, performed
from gi_core.api.clients import ClientUpdate, Loss
from gi_core.api.pictures import labels_of, taken
from gi_core.api.questions import question_of
from gi_core.api.result import Result
from gi_core.api.running import how
from gi_core.common.errors import SpecError
from gi_core.common.progress import silent
from gi_core.common.threads import on_one_thread
from gi_core.experiments.audit import THRESHOLD, judged, refuse_blind
from gi_core.experiments.fit import describing
from gi_core.experiments.setup import ask, choose_device
from gi_core.metrics import claims
from gi_core.settings import build


@dataclass(frozen=True)
class Audit:
    """The decision about one's own update.

    send: whether it may leave; what was not measured never does. sentence: why. leaked: the largest RDLV over the
    pictures, or SSIM without a prior picture (`measure`); None where nothing was measured. threshold: that it was compared
    with. result: the attack, with its pictures. words: matched, unique, right, and what person and machine make of the most
    exposed picture (docs/words.md); {} where no picture came back.
    """

    send: bool
    sentence: str
    leaked: float | None
    measure: str
    threshold: float
    result: Result
    words: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.send

    def _repr_html_(self) -> str:
        words = f"<p>{html.escape(claims.sentence(self.words))}</p>" if self.words else ""
        return f"<p><b>{html.escape(self.sentence)}</b></p>{words}{self.result._repr_html_()}"


def audit(
    model: nn.Module | str, gradients: Any, pictures: Any, labels: Any = None, *, threshold: float = THRESHOLD,
    loss: Loss | str | None = None, normalise: Any = None, attack: Any = AUTO, client: Any = None, defenses: Any = None,
    batch_norm: str | None = None, prior: str | None = None, classes: int | None = None, seed: int = 0,
    device: str = "auto", seconds: float | None = None, progress: bool = True, store: bool = False,
) -> Audit:  # fmt: skip
    """Attack one's own update before it is sent, and say whether it may leave (docs/updates.md).

    send = RDLV <= threshold, of an attack that explained the update to the update's own precision

    pictures: one's own behind the update, in the forms that `gi.client` takes.
    labels: (N,) class numbers, which the attacker is then given too.
    threshold: the update is withheld above it.
    prior: reference or path of a picture that a server may have, which a leak is measured against; without one the measure
        is SSIM.
    model, gradients, loss, normalise, attack, client, defenses, batch_norm, classes, seed, device, seconds, progress, store: as
        in `gi.attack`.

    Raises SpecError, one sentence.

    Hatamizadeh et al., Do Gradient Inversion Attacks Make Federated Learning Unsafe?, IEEE TMI 2023.
    """
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not math.isfinite(threshold):
        raise SpecError(f"threshold is a number, such as 1, not {threshold!r}")
    if isinstance(gradients, ClientUpdate) and gradients.server.changes:  # type: ignore[attr-defined]
        raise SpecError(
            "an audit is of an honest server's round, and this server changed the network: give the update to gi.attack"
        )
    own = taken(pictures)
    labels_of(labels, len(own)) if loss is None or isinstance(loss, str) else None
    asked = how(progress, None, None, store)
    with question_of(
        model, gradients, tuple(own.shape[1:]), images=len(own), labels=labels, loss=loss, normalise=normalise, client=client,
        server="honest", defenses=defenses, batch_norm=batch_norm, classes=classes, seed=seed, device=device,
    ) as question:  # fmt: skip
        like = None
        if prior is not None:
            known = asking.component("attack", {"kind": "fl_gradient_inversion", "prior": str(prior)})
            like = data.load(build({**question.values, "attack": asking.document(known)})).prior
        refuse_blind(own, like, threshold)
        result = performed(question, attack, asked, prior, seconds)

        def described() -> Any:
            with on_one_thread():
                experiment = result.experiment
                return describing.own(ask(experiment, choose_device(experiment.device), silent), own)

        verdict, more = judged(result.done.document, result.done.images, own, like, threshold, described)
    return Audit(
        verdict["send"],
        verdict["sentence"],
        verdict["leaked"],
        verdict["measure"],
        verdict["threshold"],
        result,
        more.get("words", {}),
    )

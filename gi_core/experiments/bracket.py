"""The leak bracket of a clipped and noised round: what one attacker gets at least, and what any attacker gets at most.

The game: one of N pictures stands in the first one's place, each as likely as the next, and the attacker, who knows everything
else, says which. Most: `settings.ceiling`. Least: the best attacker of that game, played. Without its noise the round would have
sent c_i with picture i. With normal noise s n on every value, the likeliest picture behind u = c_t + s n is the nearest centre,

    argmin_i ||u - c_i||^2 = argmin_i (||c_i||^2 / 2 - <c_t, c_i> - s <n, c_i>),

and the <n, c_i> are normal with covariance <c_i, c_j>: a draw costs N numbers, however large the network is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from gi_core import clients, data, defenses
from gi_core.experiments.setup import Question
from gi_core.settings import Experiment, ceiling
from gi_core.settings.client import FedAvg
from gi_core.settings.noise_defenses import GaussianNoise
from gi_core.settings.privacy_defenses import DpSgd
from gi_core.types.result_parts import Bracket

DRAWS = 20_000
MOST_VALUES = 30_000_000
"""Values of all centres together, which bounds memory (120 MB) and time; larger networks have fewer pictures to choose among."""
_PLACE = -107  # of what is drawn here, besides the defenses' own noise


def of(question: Question, truth: bool) -> Bracket | None:
    """The bracket of a run; None where nothing is proved of what it sends. truth: whether the originals may be looked at."""
    found = ceiling.of(question.experiment)
    if found is None:
        return None
    count, why = _count(question, truth)
    # What the centres are made of knows the true label, so the pictures of this game share it.
    game = found if why else replace(found, label_known=True)
    bracket: Bracket = {
        "candidates": count, "ceiling": game.success(count), "sentence": game.sentence(count),
        "floor": None, "floor_low": None, "floor_high": None, "draws": 0, "measured": why,
    }  # fmt: skip
    if why:
        return bracket
    seed = defenses.noise_seed(question.experiment.seed, _PLACE)
    right = _right(
        _centres(question, count, found.place),
        _deviation(question.experiment, found.place),
        torch.Generator().manual_seed(seed),
    )
    interval = binomtest(right, DRAWS).proportion_ci(0.95, method="exact")
    floor, low, high = right / DRAWS, float(interval.low), float(interval.high)
    return {
        **bracket, "floor": floor, "floor_low": low, "floor_high": high, "draws": DRAWS,
        "measured": ceiling.measured(floor, low, high, DRAWS),
    }  # fmt: skip


def _count(question: Question, truth: bool) -> tuple[int, str]:
    """(N, why the game is not played; empty where it is)."""
    experiment = question.experiment
    if not truth:
        return ceiling.CANDIDATES, "The original is withheld, so no attack was measured beside the ceiling."
    if experiment.server.changes:
        return ceiling.CANDIDATES, "The server changed the network, so no attack was measured beside the ceiling."
    if experiment.client.rounds > 1:
        return ceiling.CANDIDATES, "Several rounds add up, so no attack was measured beside the ceiling."
    if isinstance(experiment.client, FedAvg) and any(isinstance(d, DpSgd) for d in experiment.defenses):
        return (
            ceiling.CANDIDATES,
            "Noise of one local step reaches the next one, so no attack was measured beside the ceiling.",
        )
    values = sum(t.numel() for t in question.round.update.tensors.values())
    count = min(ceiling.CANDIDATES, MOST_VALUES // values)
    if count < 2:
        return ceiling.CANDIDATES, "This network is too large for an attack to be measured beside the ceiling."
    return count, ""


def _deviation(experiment: Experiment, place: int) -> float:
    """Standard deviation of the noise on each value that is sent."""
    settings = experiment.defenses[place]
    if isinstance(settings, DpSgd):
        return settings.noise_multiplier * settings.clip / experiment.pictures
    assert isinstance(settings, GaussianNoise)  # as `ceiling.of` found it
    return settings.std


def _centres(question: Question, count: int, place: int) -> Tensor:
    """(N, P) float32: what the round would send without its noise, with each candidate in the first picture's place."""
    experiment, pictures = _silent(question.experiment, place), question.pictures
    # The first are the client's own: of a batch, the others of it stay where they are.
    pool = data.candidates(question.experiment, count + len(pictures.images) - 1)
    own = len(pictures.images)
    chosen = [pool[0], *pool[own:]][:count]
    rows = []
    for picture in chosen:
        images = np.concatenate([picture[None], pictures.images[1:]])
        sent = clients.play(experiment, question.model, replace(pictures, images=images), "cpu").update
        rows.append(torch.cat([t.reshape(-1).float() for t in sent.tensors.values()]))
    return torch.stack(rows)


def _silent(experiment: Experiment, place: int) -> Experiment:
    """The experiment without the noise that the ceiling counts, and without what is done after it."""
    kept, settings = experiment.defenses[:place], experiment.defenses[place]
    if isinstance(settings, DpSgd):  # which clips too
        kept = (*kept, settings.model_copy(update={"noise_multiplier": 0.0}))
    return experiment.model_copy(update={"defenses": kept})


def _right(centres: Tensor, deviation: float, generator: torch.Generator) -> int:
    """Of `DRAWS` games, the true picture drawn anew in each, how many the likeliest picture wins; ties lose.

    centres: (N, P). Sums over P are accumulated in float64.
    """
    n = len(centres)
    gram = torch.zeros(n, n, dtype=torch.float64)
    for part in centres.split(1 << 16, dim=1):
        wide = part.double()
        gram += wide @ wide.T
    values, vectors = torch.linalg.eigh(gram)
    root = vectors * values.clamp_min(0).sqrt()
    truth = torch.randint(n, (DRAWS,), generator=generator)
    noise = torch.randn(DRAWS, n, generator=generator, dtype=torch.float64) @ root.T
    score = gram.diagonal() / 2 - gram[truth] - deviation * noise
    least = score.min(dim=1).values
    alone = (score <= least[:, None]).sum(dim=1) == 1
    return int(((score.argmin(dim=1) == truth) & alone).sum())

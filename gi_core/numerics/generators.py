"""Random numbers of one attempt of one trial, independent of the other trials."""

from __future__ import annotations

import numpy as np
import torch


def generator(seed: int, trial: int, attempt: int = 0) -> torch.Generator:
    """The generator of one attempt of one trial: the same however many trials there are."""
    state = np.random.SeedSequence([seed, trial, attempt]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed((int(state[0]) << 31) ^ int(state[1]))

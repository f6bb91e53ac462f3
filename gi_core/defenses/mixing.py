"""x~_i = sum_j l_ij x_j, t~_i = sum_j l_ij t_j: the client trains on mixtures of k pictures and of their labels.

Zhang et al., mixup, ICLR 2018; Huang et al., InstaHide, ICML 2020. l_i ~ Dirichlet(alpha), drawn again until no share is
above `largest`. Public pictures have no label: labels mix over the private ones, their shares scaled to sum to one. With
sign_flip, x~ becomes g + s (x~ - g), g mid-grey (0.5 of the pixel range, in the network's units) and s = +-1 for each
value, so pixel p becomes p or 1 - p. One mixture for each picture and round, however many steps there are.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gi_core import data
from gi_core.common.errors import SpecError
from gi_core.defenses.base import Defense, LocalRound
from gi_core.networks.losses import as_target
from gi_core.networks.trainable import outputs
from gi_core.settings.defense_checks import few_for_mixing
from gi_core.settings.representation_defenses import Mixing as MixingSettings
from gi_core.types.updates import Update

POOL = 128
"""The most public pictures that one round uses."""


class Mixing(Defense):
    """Server knows: the shares (coefficients (N, k), the own picture first) and soft_labels (N, K), not the partners."""

    def local_round(self, compute: LocalRound) -> LocalRound:
        def mixed(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
            draw = np.random.default_rng(int(torch.randint(2**62, (), generator=self.generator)))
            if self.settings.pictures > 1:
                inputs, labels = self._blend(model, inputs, labels, draw)
            return compute(model, self._flip(inputs, draw) if self.settings.sign_flip else inputs, labels)

        return mixed

    def _blend(self, model: nn.Module, x: Tensor, labels: Tensor, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        shares = _shares(len(x), self.settings, draw)
        rows, private, strangers = self._partners(len(x), draw)
        everyone = torch.cat([x, self._public(x, strangers, draw)]) if strangers else x
        weights = torch.from_numpy(shares).to(x)
        blended = torch.einsum("nk,nk...->n...", weights, everyone[torch.from_numpy(rows).to(x.device)])
        target = as_target(labels, outputs(model, x), x)[torch.from_numpy(rows[:, :private]).to(x.device)]
        known = weights[:, :private] / weights[:, :private].sum(1, keepdim=True)
        soft = torch.einsum("nk,nkc->nc", known, target)
        self.known |= {"soft_labels": soft, "coefficients": weights}
        return blended, soft

    def _partners(self, images: int, draw: np.random.Generator) -> tuple[np.ndarray, int, int]:
        """Rows (N, k) into the batch and, behind it, the public pictures; private ones in a row; public ones in all."""
        k, kind = self.settings.pictures, self.settings.partners
        private = {"batch": k, "both": min(2, images, k), "public": 1}[kind]
        if private > images:
            raise SpecError(few_for_mixing(k, images))
        strangers = min(POOL, images * (k - private)) if k > private else 0
        rows = []
        for i in range(images):
            others = draw.permutation(np.delete(np.arange(images), i))[: private - 1]
            rows.append([i, *others, *(images + draw.permutation(strangers)[: k - private])])
        return np.asarray(rows, np.int64), private, strangers

    def _public(self, x: Tensor, count: int, draw: np.random.Generator) -> Tensor:
        mean, std = self._units(x)
        own = (x * std + mean).cpu().numpy()
        found = data.public_pictures(self.settings.pool, count, (x.shape[2], x.shape[3]), x.shape[1], own, draw)
        return (torch.from_numpy(found).to(x) - mean) / std

    def _flip(self, x: Tensor, draw: np.random.Generator) -> Tensor:
        mean, std = self._units(x)
        grey = (0.5 - mean) / std
        signs = torch.from_numpy(draw.integers(0, 2, tuple(x.shape), dtype=np.int8) * 2 - 1)
        return grey + signs.to(x) * (x - grey)

    def _units(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the input normalisation, (1, C, 1, 1) each."""
        mean, std = (torch.tensor(v, dtype=like.dtype, device=like.device) for v in (self.mean, self.std))
        return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)


def _shares(images: int, settings: MixingSettings, draw: np.random.Generator) -> np.ndarray:
    """(N, k), rows that sum to one, no value above settings.largest."""
    concentration = np.full(settings.pictures, settings.alpha)
    shares = draw.dirichlet(concentration, images)
    while (bad := shares.max(1) > settings.largest).any():
        shares[bad] = draw.dirichlet(concentration, int(bad.sum()))
    return shares

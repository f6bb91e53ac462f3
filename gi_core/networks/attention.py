"""Self-attention that can be differentiated any number of times, in either direction.

torch's fused kernels have no second derivative, and its fast path for inference has no derivative
at all when only a forward-mode tangent asks for one; both are chosen behind the caller's back.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.MultiheadAttention):
    """softmax(Q K^T / sqrt(d)) V on (N, tokens, hidden), in plain matrix products.

    Same parameters and same values as `nn.MultiheadAttention(batch_first=True)` without dropout.
    """

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, **_: Any
    ) -> tuple[Tensor, None]:
        count, tokens, hidden = query.shape
        weight, bias = self.in_proj_weight, self.in_proj_bias
        # one projection of the three: the encoder attends to its own input (query is key is value)
        heads = F.linear(query, weight, bias).view(count, tokens, 3, self.num_heads, self.head_dim)
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q @ k.transpose(-2, -1)) * self.head_dim**-0.5
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(count, tokens, hidden)
        return self.out_proj(mixed), None

"""A person's network run with kernels that can be differentiated any number of times, in either direction.

torch's fused attention has no second derivative, and its fast path for inference has none at all when only a forward-mode
tangent asks for one (as in `networks.attention`); both are chosen behind the caller's back, so they are switched off while
the network runs. What is recorded then are plain matrix products, wherever the derivative is taken.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

_running = threading.local()


def use_plain_kernels(network: nn.Module) -> None:
    """From now on every pass of this network, and of its copies, takes them."""
    network.register_forward_pre_hook(_enter)
    network.register_forward_hook(_leave, always_call=True)  # of a pass that stops, too


def _enter(module: nn.Module, given: Any) -> None:
    stack = ExitStack()
    stack.enter_context(sdpa_kernel(SDPBackend.MATH))
    stack.enter_context(_no_fast_path())
    if not hasattr(_running, "stacks"):
        _running.stacks = []
    _running.stacks.append(stack)


def _leave(module: nn.Module, given: Any, output: Any) -> None:
    stacks = getattr(_running, "stacks", [])
    if stacks:
        stacks.pop().close()


@contextmanager
def _no_fast_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)

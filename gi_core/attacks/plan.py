"""The engine plan: which kernels, memory format and chunk run this network fastest, measured.

A few gradient evaluations of each variant on the real update, the fastest wins; kept in
`GI_HOME/plans.json` by network, shape and device, so that the next run starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time

import torch
from torch import Tensor

from gi_core.attacks.gradient import GradientMap, flatten
from gi_core.attacks.local_steps import simulated_steps
from gi_core.federated.losses import LOSSES, as_target
from gi_core.federated.types import Knowledge, Update
from gi_core.paths import home
from gi_core.spec.attacks import AttackSettings, ClosedForm, Matching
from gi_core.spec.plan import Plan

MAX_CHUNK = 32
BYTES_PER_CHUNK = 2 * 2**30


def measure(
    update: Update,
    knowledge: Knowledge,
    settings: AttackSettings,
    device: torch.device,
    budget_seconds: float = 1.0,
) -> Plan:
    """The plan for this attack: from the cache if it is known, else measured within about the budget."""
    if isinstance(settings, ClosedForm):
        return Plan(device=device.type, threads=torch.get_num_threads())  # float64 on the CPU, nothing to choose
    key = plan_key(update, knowledge, settings, device)
    known = _read().get(key)
    if known is not None:
        return Plan(**{**known, "source": "cached"})
    plan = _measure(update, knowledge, settings, device, budget_seconds)
    _write(key, plan)
    return plan


def plan_key(update: Update, knowledge: Knowledge, settings: AttackSettings, device: torch.device) -> str:
    """Depends on what decides speed: parameter shapes, layers, picture, trials, device, torch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    parts = [
        repr(knowledge.model), [list(t.shape) for t in update.tensors.values()], list(knowledge.input_shape), update.images,
        settings.kind, settings.trials, getattr(settings, "precision", "float64"), name, torch.get_num_threads(), torch.__version__,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _measure(
    update: Update, knowledge: Knowledge, settings: AttackSettings, device: torch.device, budget: float
) -> Plan:
    base = Plan(
        device=device.type, threads=torch.get_num_threads(), source="measured", chunk=_memory_chunk(update, knowledge, settings),
        cuda_graph=device.type == "cuda" and isinstance(settings, Matching),
    )  # fmt: skip
    if getattr(settings, "precision", "float64") == "float64":
        return base.model_copy(
            update={"seconds": _seconds(update, knowledge, base, torch.float64, device, 1, budget / 2)}
        )
    best, began = None, time.perf_counter()
    variants = _variants(base, knowledge)
    # What is fast for one trial need not be for a batch, so each variant is timed at both.
    candidates = [v.model_copy(update={"chunk": chunk}) for chunk in sorted({1, base.chunk}) for v in variants]
    for candidate in candidates:
        left = budget - (time.perf_counter() - began)
        if best is not None and 2 * candidate.chunk * best.seconds > left:
            continue
        seconds = _seconds(update, knowledge, candidate, torch.float32, device, candidate.chunk, budget / 8)
        if best is None or seconds < best.seconds:
            best = candidate.model_copy(update={"seconds": seconds})
    assert best is not None
    return best


def _variants(base: Plan, knowledge: Knowledge) -> list[Plan]:
    """Likeliest first: plain kernels for small networks on a CPU, channels-last oneDNN for large."""
    layouts = [base.model_copy(update={"channels_last": True}), base]
    if base.device != "cpu":
        return layouts[::-1]
    plain = base.model_copy(update={"onednn": False})
    small = sum(p.numel() for p in knowledge.model.parameters()) < 1e5
    return [plain, base] if small else [*layouts, plain]


def _memory_chunk(update: Update, knowledge: Knowledge, settings: AttackSettings) -> int:
    """Trials whose gradients and graph fit the budget: about eight copies of each are alive at once."""
    per_trial = (
        8 * 4 * (sum(t.numel() for t in update.tensors.values()) + 64 * update.images * sum(knowledge.input_shape) * 32)
    )
    per_trial *= max(1, simulated_steps(knowledge.schedule, getattr(settings, "rounds", "auto")))
    return int(max(1, min(MAX_CHUNK, settings.trials, BYTES_PER_CHUNK // per_trial)))


def _seconds(
    update: Update,
    knowledge: Knowledge,
    plan: Plan,
    dtype: torch.dtype,
    device: torch.device,
    trials: int,
    budget: float,
) -> float:
    """Least seconds of one gradient and its image gradient, per trial."""
    gradient = GradientMap(knowledge, LOSSES[knowledge.loss], plan, dtype, device)
    x = torch.full((trials, update.images, *knowledge.input_shape), 0.5, dtype=dtype, device=device)
    x += torch.linspace(0, 0.1, x[0].numel(), dtype=dtype, device=device).view_as(x[0])
    target = as_target(torch.zeros(update.images, dtype=torch.int64), knowledge.classes, x).expand(trials, -1, -1)
    with gradient.running():
        first = _once(gradient, x, target)  # kernels are chosen and memory is taken the first time
        if first > budget:
            first = min(first, _once(gradient, x, target))
            return first / trials
        # The fastest of a few: whatever else the machine does only ever adds time.
        return min(_once(gradient, x, target) for _ in range(int(min(15, max(2, budget / first))))) / trials


def _once(gradient: GradientMap, x: Tensor, target: Tensor) -> float:
    if x.is_cuda:
        torch.cuda.synchronize()
    began = time.perf_counter()
    leaf = x.detach().requires_grad_(True)
    g = gradient(leaf, target)
    flatten([t.detach() for t in g])
    torch.autograd.grad(g, leaf, [t.detach() for t in g])
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _read() -> dict[str, dict]:
    try:
        kept = json.loads((home() / "plans.json").read_text())
        return kept if isinstance(kept, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}  # nothing kept yet, or a torn file: measuring again costs a second


def _write(key: str, plan: Plan) -> None:
    """Keep the plan; where it cannot be kept (a full disk), it is measured again the next time."""
    path = home() / "plans.json"
    plans = {**_read(), key: plan.model_dump(mode="json")}
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(plans, indent=1))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)

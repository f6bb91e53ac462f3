"""Arguments of `attack`, and of `invert`, `audit` and `influence`, which share most of them."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from gi_core.cli.run_options import JSON, REPORT, written

_Option = tuple[str, str, str, dict[str, Any]]
"""(name, what stands behind it, help, what else argparse is given)."""
_MANY: dict[str, Any] = {"action": "append"}
_NUMBER: dict[str, Any] = {"type": int}
_DEVICES: dict[str, Any] = {"choices": ("auto", "cpu", "cuda", "mps")}
_ATTACK: tuple[_Option, ...] = (
    ("--experiment", "FILE", "a saved experiment (JSON); other options change it", {}),
    ("--resume", "ID", "take an interrupted run up from its checkpoint", {}),
    (
        "--sample", "REF",
        "a private picture (repeat for a batch): bundled/NAME, mnist:7, folder:PATH:KEY, or a file; #window=CENTRE/WIDTH,"
        " #range=LOW..HIGH and #crop=WIDTHxHEIGHT+LEFT+TOP behind it choose what is shown", _MANY,
    ),
    ("--label", "K", "label in place of the data's own, once for each picture", _MANY | _NUMBER),
    ("--size", "N|HxW|own", "side of square pictures in pixels, height x width, or own to keep them whole", {}),
    ("--normalise", "none|auto|NAME|MEAN/STD", "input normalisation; by numbers: 0.5/0.5, or m1,m2,m3/s1,s2,s3", {}),
    ("--model", "NAME[:k=v,…]", "the network (python -m gi_core list models), or custom:FILE.json with its layers, or your own:"
     " package.module:callable, or a .pt2 file of torch.export", {}),
    (
        "--weights", "FILE|trained[:k=v,…]|imagenet",
        "a .safetensors or .pt file, trained here, or ImageNet's; as initialised when left out", {},
    ),
    ("--client", "NAME[:k=v,…]", "what the client does in its round and shares", {}),
    (
        "--server", "NAME[:k=v,…]",
        "what the server sends to the client: the network as it is (honest), one that fishes for a class (fishing:class=7), one that asks for pixels (imprint:bins=128), or one that sets traps (trap)", {},
    ),
    ("--defense", "NAME[:k=v,…]", "a defense of the client (repeat; applied in this order)", _MANY),
    ("--attack", "NAME[:k=v,…]", "the attack (python -m gi_core list attacks); the strongest that applies (auto) when left out", {}),
    ("--seed", "N", "of the attack's starts and of the defenses' noise", _NUMBER),
    ("--device", "auto|cpu|cuda|mps", "where the attack runs", _DEVICES),
    ("--set", "PATH=VALUE", "any other setting, by its dotted path: --set client.batch_norm=train", _MANY),
    (
        "--out", "DIR",
        "write experiment.json, result.json, reconstruction.npz, pictures and history.csv here", {},
    ),
)  # fmt: skip


def attack(parser: ArgumentParser) -> None:
    _add(parser, _ATTACK)
    parser.add_argument("--json", action="store_true", help=JSON)


_INVERT: tuple[_Option, ...] = (
    ("--checkpoint", "FILE", "the global network before the round: .pt or .safetensors", {"required": True}),
    (
        "--update", "FILE", "what the client sent: .npz (a dictionary, or an array a member) or .safetensors",
        {"required": True},
    ),
    (
        "--bn-stats", "FILE",
        "batch norm statistics after the round; worked out from checkpoint and update when left out", {},
    ),
    ("--prior", "REF", "a picture that the server takes to be like the private one (sets attack.prior)", {}),
    ("--reference", "REF", "the private picture, where it is known: only to judge the result", {}),
    ("--image-size", "N|HxW", "side of the private pictures in pixels, or their height x width", {"required": True}),
    ("--channels", "1|3", "grey or colour; the network's own, else colour, when left out", {"type": int, "choices": (1, 3)}),
    ("--images", "N", "pictures behind the update; 1 when left out", _NUMBER),
    (
        "--client", "NAME[:k=v,…]",
        "how the client trained: fedavg when left out, fedsgd if the file holds a gradient; unless said otherwise with"
        " batch norm in train mode and its statistics shared", {},
    ),
    ("--server", "NAME[:k=v,…]", "what the server had made of the checkpoint that the client got, such as fishing:class=3", {}),
    ("--attack", "NAME[:k=v,…]", "the attack; the strongest that applies (auto) when left out", {}),
    ("--model", "NAME[:k=v,…]", "the network, such as resnet18:classes=2, package.module:callable or network.pt2", {"required": True}),
    ("--label", "K", "label that the server knows, once for each picture", _MANY | _NUMBER),
    (
        "--defense", "NAME[:k=v,…]",
        "a defense that the server knows the client used (repeat; in the order of the client): the attack then allows for it", _MANY,
    ),
    ("--sent", "PATTERN,…", "tensors that the client sent, where it sent a part of them: 'layer4.*,fc.*'", {}),
    (
        "--withheld", "PATTERN,…|missing",
        "tensors that the client did not send; missing: whatever the file lacks", {},
    ),
)  # fmt: skip
_SHARED = tuple(row for row in _ATTACK if row[0] in ("--normalise", "--seed", "--device", "--set", "--out"))


def invert(parser: ArgumentParser) -> None:
    _add(parser, (*_INVERT, *_SHARED))
    parser.add_argument("--json", action="store_true", help=JSON)
    parser.set_defaults(resume=None)


_AUDITED: dict[str, _Option] = {
    "--reference": (
        "--reference", "REF", "a private picture behind the update; repeat for each of them", _MANY | {"required": True},
    ),
    "--prior": ("--prior", "REF", "a picture that a server may have, which a leak is measured against (sets attack.prior)", {}),
}  # fmt: skip


def audit(parser: ArgumentParser) -> None:
    asked = (row for row in (*_INVERT, *_SHARED) if row[0] not in ("--images", "--server", "--out"))
    _add(parser, [_AUDITED.get(row[0], row) for row in asked])
    highest = "the update is withheld above this RDLV (SSIM without --prior)"
    parser.add_argument("--threshold", metavar="X", type=float, default=1.0, help=highest + "; 1 when left out")
    refuse = "withhold the update, unattacked, where the checkpoint itself asks for single pictures (inspect-model)"
    parser.add_argument("--refuse-suspicious", action="store_true", help=refuse)
    parser.add_argument("--json", action="store_true", help=JSON)


_INFLUENCE = (
    "--experiment", "--sample", "--label", "--size", "--normalise", "--model", "--weights", "--client", "--defense",
    "--seed", "--device", "--set",
)  # fmt: skip


def influence(parser: ArgumentParser) -> None:
    _add(parser, [row for row in _ATTACK if row[0] in _INFLUENCE])
    noise = (
        "standard deviation of noise on every value of the update; without it, what the defenses change, else rounding"
    )
    damping = "added to the eigenvalues: 1 is the published default; next to none when left out"
    parser.add_argument("--noise-std", metavar="S", type=float, help=noise)
    parser.add_argument("--damping", metavar="D", type=float, help=damping)
    parser.add_argument("--seconds", metavar="S", type=float, default=60.0, help="for the spectrum of one picture")
    parser.add_argument("--report", metavar="FILE", type=written, help=REPORT)
    parser.add_argument("--json", action="store_true", help=JSON)
    parser.set_defaults(attack=None)


def _add(parser: ArgumentParser, options: Iterable[_Option]) -> None:
    for option, metavar, help, more in options:
        parser.add_argument(option, metavar=metavar, help=help, **more)

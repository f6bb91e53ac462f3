"""Arguments of every command; a mistake is one sentence that names the nearest right word."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from gi_core import __version__
from gi_core.cli import dashboard, run_options, sweep_options
from gi_core.settings import ATTACKS, CLIENTS, DEFENSES, MODELS, SpecError
from gi_core.settings.registry import suggestion

LISTS = ("attacks", "models", "samples", "defenses", "sweeps")
_JSON = "print one JSON object as the last line of stdout"


class Parser(argparse.ArgumentParser):
    """Raises SpecError in place of printing usage and exiting."""

    def error(self, message: str) -> NoReturn:
        choice = re.search(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            known = re.findall(r"[\w-]+", choice[3])
            place = self.prog.rpartition(" ")[2].replace("gi_core", "command")
            of = choice[1] if choice[1].startswith("-") else place
            raise SpecError(f"unknown {of} {choice[2]!r}: {suggestion(choice[2], known)}")
        raise SpecError(message)


def parse(argv: Sequence[str]) -> argparse.Namespace | int:
    """The arguments, or the exit code after --help or --version. Raises SpecError."""
    parser, commands = build()
    try:
        arguments, rest = parser.parse_known_args(list(argv))
    except SystemExit as stop:
        return int(stop.code or 0)
    if arguments.command is None:
        parser.print_help()
        return 0
    if rest:
        known = [o for a in commands[arguments.command]._actions for o in a.option_strings]
        if rest[0].startswith("-"):
            word = rest[0].partition("=")[0]
            raise SpecError(f"{arguments.command} has no option {word!r}: {suggestion(word, known)}")
        raise SpecError(f"{arguments.command} does not know what to do with {rest[0]!r}")
    return arguments


def build() -> tuple[Parser, dict[str, Parser]]:
    """The parser and those of its commands, by name."""
    parser = Parser(
        prog="python -m gi_core", allow_abbrev=False,
        description="What can a server read back from a client's update?",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    made = {}

    def command(name: str, help: str, **more) -> Parser:
        made[name] = commands.add_parser(name, help=help, description=help, allow_abbrev=False, **more)
        return made[name]

    _attack(
        command(
            "attack", "play a client's round and attack its update",
            epilog=_kinds(), formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )  # fmt: skip
    _invert(
        command(
            "invert", "attack an update that a real client sent, from its files",
            epilog=_kinds(), formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )  # fmt: skip
    _audit(command("audit", "attack one's own update before it is sent: may it leave? Exit code 3 where it may not"))
    _influence(command("influence", "predict how precisely an update shows each picture, without attacking"))
    _rank(command("rank", "count a network's equations: can its gradient give a picture away?"))
    _federate(command("federate", "simulate a federation over rounds and attack its clients' updates"))
    sweep_options.add(
        command("sweep", "run many experiments that differ in what a file says, and make a table of what leaked")
    )
    listing = command("list", "what there is to choose from, with settings, bounds and defaults")
    listing.add_argument("what", choices=LISTS, metavar="|".join(LISTS))
    listing.add_argument("--json", action="store_true", help=_JSON)
    run_options.add(command("runs", "runs that are stored on this machine"))
    port = {"metavar": "N", "type": dashboard.port, "help": "serve it there; 8501 when left out"}
    command("app", "serve the dashboard on this machine").add_argument("--port", **port)
    doctor = command("doctor", "what this machine has, what is missing and how to get it")
    doctor.add_argument("--json", action="store_true", help=_JSON)
    fetch = command("fetch", "download data or weights, with progress")
    names = "mnist, fashion_mnist, cifar10, cifar100, lpips, or a model's name for its ImageNet weights"
    fetch.add_argument("name", metavar="NAME", help=names)
    return parser, made


_MANY: dict[str, Any] = {"action": "append"}
_NUMBER: dict[str, Any] = {"type": int}
_DEVICES: dict[str, Any] = {"choices": ("auto", "cpu", "cuda", "mps")}
_ATTACK: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
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
    ("--model", "NAME[:k=v,…]", "the network (python -m gi_core list models), or custom:FILE.json with its layers", {}),
    (
        "--weights", "FILE|trained[:k=v,…]|imagenet",
        "a .safetensors or .pt file, trained here, or ImageNet's; as initialised when left out", {},
    ),
    ("--client", "NAME[:k=v,…]", "what the client does in its round and shares", {}),
    ("--defense", "NAME[:k=v,…]", "a defense of the client (repeat; applied in this order)", _MANY),
    ("--attack", "NAME[:k=v,…]", "the attack (python -m gi_core list attacks)", {}),
    ("--seed", "N", "of the attack's starts and of the defenses' noise", _NUMBER),
    ("--device", "auto|cpu|cuda|mps", "where the attack runs", _DEVICES),
    ("--set", "PATH=VALUE", "any other setting, by its dotted path: --set client.batch_norm=train", _MANY),
    (
        "--out", "DIR",
        "write experiment.json, result.json, reconstruction.npz, pictures and history.csv here", {},
    ),
)  # fmt: skip


def _attack(parser: Parser) -> None:
    for option, metavar, help, more in _ATTACK:
        parser.add_argument(option, metavar=metavar, help=help, **more)
    parser.add_argument("--json", action="store_true", help=_JSON)


_INVERT: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
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
    ("--attack", "NAME[:k=v,…]", "the attack; fl_gradient_inversion when left out", {}),
    ("--model", "NAME[:k=v,…]", "the network, such as resnet18:classes=2", {"required": True}),
    ("--label", "K", "label that the server was told, once for each picture", _MANY | _NUMBER),
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
_SHARED = ("--normalise", "--seed", "--device", "--set", "--out")


def _invert(parser: Parser) -> None:
    for option, metavar, help, more in (*_INVERT, *(row for row in _ATTACK if row[0] in _SHARED)):
        parser.add_argument(option, metavar=metavar, help=help, **more)
    parser.add_argument("--json", action="store_true", help=_JSON)
    parser.set_defaults(resume=None)


_AUDITED: dict[str, tuple[str, dict[str, Any]]] = {
    "--reference": ("a private picture behind the update; repeat for each of them", _MANY | {"required": True}),
    "--prior": ("a picture that a server may have, which a leak is measured against (sets attack.prior)", {}),
}


def _audit(parser: Parser) -> None:
    for option, metavar, help, more in (*_INVERT, *(row for row in _ATTACK if row[0] in _SHARED)):
        help, more = _AUDITED.get(option, (help, more))
        if option not in ("--images", "--out"):
            parser.add_argument(option, metavar=metavar, help=help, **more)
    highest = "the update is withheld above this RDLV (SSIM without --prior)"
    parser.add_argument("--threshold", metavar="X", type=float, default=1.0, help=highest + "; 1 when left out")
    parser.add_argument("--json", action="store_true", help=_JSON)


_INFLUENCE = (
    "--experiment", "--sample", "--label", "--size", "--normalise", "--model", "--weights", "--client", "--defense",
    "--seed", "--device", "--set",
)  # fmt: skip


def _influence(parser: Parser) -> None:
    for option, metavar, help, more in _ATTACK:
        if option in _INFLUENCE:
            parser.add_argument(option, metavar=metavar, help=help, **more)
    noise = (
        "standard deviation of noise on every value of the update; without it, what the defenses change, else rounding"
    )
    damping = "added to the eigenvalues: 1 is the published default; next to none when left out"
    parser.add_argument("--noise-std", metavar="S", type=float, help=noise)
    parser.add_argument("--damping", metavar="D", type=float, help=damping)
    parser.add_argument("--seconds", metavar="S", type=float, default=60.0, help="for the spectrum of one picture")
    parser.add_argument("--json", action="store_true", help=_JSON)
    parser.set_defaults(attack=None)


def _rank(parser: Parser) -> None:
    of = "the network: NAME[:k=v,…], or custom:FILE.json with its layers"
    parser.add_argument("--model", metavar="NAME[:k=v,…]", required=True, help=of)
    size = "channels, height and width of the picture; 3x32x32 when left out, 1x28x28 for fcn3"
    parser.add_argument("--input", metavar="CxHxW", help=size)
    measured = "build the network and measure ranks and conditions of its layers, in place of counting"
    parser.add_argument("--numeric", action="store_true", help=measured)
    parser.add_argument("--json", action="store_true", help=_JSON)


def _federate(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="settings of the federation, as TOML or JSON")
    parser.add_argument(
        "--resume", metavar="ID", help="go on with one that was interrupted or killed, from its last round"
    )
    parser.add_argument("--out", metavar="DIR", help="write result.json, pictures and recorded updates here")
    parser.add_argument("--json", action="store_true", help=_JSON)


def _kinds() -> str:
    rows = (("attacks", ATTACKS), ("models", MODELS), ("defenses", DEFENSES), ("clients", CLIENTS))
    lines = [f"{title + ':':10}{', '.join(kinds)}" for title, kinds in rows]
    return "\n".join([*lines, "", "Settings, bounds and defaults: python -m gi_core list attacks"])

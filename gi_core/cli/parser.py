"""Arguments of every command; a mistake is one sentence that names the nearest right word."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from gi_core import __version__
from gi_core.cli import attack_options, dashboard, lesson_options, run_options, sweep_options, takeaway_options
from gi_core.cli.run_options import JSON, REPORT, written
from gi_core.settings import ATTACKS, CLIENTS, DEFENSES, MODELS, SERVERS, SpecError
from gi_core.settings.registry import suggestion

LISTS = ("attacks", "models", "samples", "defenses", "servers", "sweeps", "torchvision", "timm")


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
    made: dict[str, Parser] = {}

    def command(name: str, help: str, **more: Any) -> Parser:
        made[name] = commands.add_parser(name, help=help, description=help, allow_abbrev=False, **more)
        return made[name]

    kinds: dict[str, Any] = {"epilog": _kinds(), "formatter_class": argparse.RawDescriptionHelpFormatter}
    attack_options.attack(command("attack", "play a client's round and attack its update", **kinds))
    attack_options.invert(command("invert", "attack an update that a real client sent, from its files", **kinds))
    attack_options.audit(
        command("audit", "attack one's own update before it is sent: may it leave? Exit code 3 where it may not")
    )
    attack_options.influence(
        command("influence", "predict how precisely an update shows each picture, without attacking")
    )
    _inspect_model(
        command(
            "inspect-model", "what a client notices of a model before it trains: exit code 3 where it asks for pictures"
        )
    )
    _rank(command("rank", "count a network's equations: can its gradient give a picture away?"))
    _federate(command("federate", "simulate a federation over rounds and attack its clients' updates"))
    sweep_options.add(
        command("sweep", "run many experiments that differ in what a file says, and make a table of what leaked")
    )
    lesson_options.add(
        command("lessons", "lessons for a class: list them, read one, print its handout, run its experiments")
    )
    _reproduce(command("reproduce", "measure what was published, and say whether it holds here"))
    _check_deployment(
        command(
            "check-deployment",
            "what a server can read back in a deployment that eight answers describe: exit code 3 where pictures come back",
        )
    )
    listing = command("list", "what there is to choose from, with settings, bounds and defaults")
    listing.add_argument("what", choices=LISTS, metavar="|".join(LISTS))
    listing.add_argument("--json", action="store_true", help=JSON)
    run_options.add(command("runs", "runs that are stored on this machine"))
    takeaway_options.report(command("report", "write what came of runs as one file with pictures and figures"))
    takeaway_options.summary(command("summary", "write one page in plain words for who has to decide"))
    takeaway_options.figure(command("figure", "write the pictures of runs as a figure for a paper"))
    takeaway_options.table(command("table", "write the metrics of runs or of a sweep as a LaTeX table"))
    takeaway_options.cite(command("cite", "write the papers whose methods runs used as BibTeX"))
    app = command("app", "serve the dashboard on this machine")
    app.add_argument("--port", metavar="N", type=dashboard.port, help="serve it there; 8501 when left out")
    doctor = command("doctor", "what this machine has, what is missing and how to get it")
    doctor.add_argument("--json", action="store_true", help=JSON)
    fetch = command("fetch", "download data or weights, with progress")
    names = "mnist, fashion_mnist, cifar10, cifar100, lpips, or a model's name for its ImageNet weights, torchvision:NAME and timm:NAME too"
    fetch.add_argument("name", metavar="NAME", help=names)
    return parser, made


def _rank(parser: Parser) -> None:
    of = "the network: NAME[:k=v,…], custom:FILE.json with its layers, package.module:callable, or a .pt2 file"
    parser.add_argument("--model", metavar="NAME[:k=v,…]", help=of)
    known = "in place of a network: what known vision transformers give away, and up to how many pictures"
    parser.add_argument("--transformers", action="store_true", help=known)
    size = "channels, height and width of the picture; 3x32x32 when left out, 1x28x28 for fcn3"
    parser.add_argument("--input", metavar="CxHxW", help=size)
    measured = "build the network and measure ranks and conditions of its layers, in place of counting"
    parser.add_argument("--numeric", action="store_true", help=measured)
    adapter = "count what an update of low-rank adapters of rank R alone shows of each dense layer's input"
    parser.add_argument("--adapter", metavar="R", type=int, help=adapter)
    start = "of adapters: B = 0, as before the first training, or trained"
    parser.add_argument("--adapter-start", choices=("zero", "trained"), default="zero", help=start)
    parser.add_argument("--pictures", metavar="N", type=int, default=1, help="of adapters: pictures behind one update")
    rounds = "measure after how many updates of the same picture it is exact, up to so many"
    parser.add_argument("--rounds", metavar="K", type=int, help=rounds)
    rate = "step of the network from round to round down the picture's gradient; 0.1 when left out"
    parser.add_argument("--rate", metavar="R", type=float, help=rate)
    parser.add_argument("--report", metavar="FILE", type=written, help=REPORT)
    parser.add_argument("--json", action="store_true", help=JSON)


def _check_deployment(parser: Parser) -> None:
    from gi_core.deployment import ASKED

    for name, one in ASKED.items():
        meanings = "; ".join(f"{value}: {text.lower()}" for value, text in one.answers.items())
        parser.add_argument(
            f"--{name}", choices=(*one.answers, "unknown"), help=f"{one.text} {meanings}; unknown when left out"
        )
    read = "a file of the job: config_fed_client.json, config_fed_server.json or meta.json of NVFlare, pyproject.toml of Flower;"
    parser.add_argument(
        "--config", metavar="FILE", action="append", help=f"{read} answers what is not said here; may be given again"
    )
    parser.add_argument("--out", metavar="FILE", help="also write a document for who has to decide: .html or .pdf")
    parser.add_argument(
        "--workers", metavar="N", type=int, help="how many workers; as many as this machine carries when left out"
    )
    parser.add_argument("--json", action="store_true", help=JSON)


def _reproduce(parser: Parser) -> None:
    parser.add_argument(
        "ids", metavar="ID", nargs="*", help="claims to measure; all when left out (--list has their names)"
    )
    parser.add_argument(
        "--list", action="store_true", help="what was published and what was measured, without running anything"
    )
    sizes = (
        "small: all in about 12 minutes on two free cores; full: the published number of iterations and more pictures"
    )
    parser.add_argument("--budget", choices=("small", "full"), default="small", help=sizes)
    folder = (
        "a folder of class sub-folders that holds the publication's pictures, such as mnist=FOLDER; may be given again"
    )
    parser.add_argument("--pictures", metavar="NAME=FOLDER", action="append", default=[], help=folder)
    parser.add_argument(
        "--count", dest="pictures_of", metavar="N", type=int, help="pictures for each claim in place of the budget's"
    )
    parser.add_argument(
        "--file", metavar="FILE", help="claims of your own, as TOML; they are kept apart from those here"
    )
    parser.add_argument("--out", metavar="FILE", help="also write what was measured here, as JSON")
    parser.add_argument(
        "--workers", metavar="N", type=int, help="how many workers; as many as this machine carries when left out"
    )
    parser.add_argument("--json", action="store_true", help=JSON)


def _inspect_model(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="the model that was received: .pt or .safetensors")
    parser.add_argument(
        "--model",
        metavar="NAME[:k=v,…]",
        required=True,
        help="the network, such as resnet18:classes=2 or package.module:callable",
    )
    parser.add_argument(
        "--input", metavar="CxHxW", help="channels, height and width of the pictures; 3x32x32 when left out"
    )
    parser.add_argument("--before", metavar="FILE", help="the model of the round before, to see which layers moved")
    parser.add_argument("--json", action="store_true", help=JSON)


def _federate(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="settings of the federation, as TOML or JSON")
    parser.add_argument(
        "--resume", metavar="ID", help="go on with one that was interrupted or killed, from its last round"
    )
    parser.add_argument("--out", metavar="DIR", help="write result.json, pictures and recorded updates here")
    parser.add_argument("--json", action="store_true", help=JSON)


def _kinds() -> str:
    rows = (
        ("attacks", ATTACKS),
        ("models", MODELS),
        ("defenses", DEFENSES),
        ("clients", CLIENTS),
        ("servers", SERVERS),
    )
    lines = [f"{title + ':':10}{', '.join(kinds)}" for title, kinds in rows]
    return "\n".join([*lines, "", "Settings, bounds and defaults: python -m gi_core list attacks"])

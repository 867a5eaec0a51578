"""The command line: its words and options, and what each command calls."""

from __future__ import annotations

import argparse
import difflib
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from job import __version__
from job.errors import EXIT_CODES, SUCCESS, ArgumentError, JobError, SettingsError
from job.hosts.folders import require_folders
from job.hosts.libraries import do_not_wait_for_the_hub, prepare_libraries, require_way_to_hub, require_working_folder
from job.hosts.ray_cluster import require_ray
from job.hosts.trackers import require_tracker
from job.runs.endings import log_failure, printing, refused
from job.runs.logs import LineFormatter, start_logging
from job.runs.redaction import hide, hide_secrets, redact
from job.settings.env_files import read_env_file
from job.settings.fields import PREFIX
from job.settings.files import output_dir, wants_json
from job.settings.loading import load_settings, load_token
from job.settings.reference import variables
from job.start import start

if TYPE_CHECKING:
    from job.plan.cost import Card

log = logging.getLogger("job")

PROG = "lora-job" if Path(sys.argv[0]).name == "lora-job" else "python entrypoint.py"
DOCKER = 'mkdir -p output && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/output:/output"'
FIRST_STEPS = f"""No settings found. Describe a run with environment variables or an env file.
first run, no GPU, no token:
  {DOCKER} IMAGE --env-file env/quickstart.env
a run of your own, with the files of this folder:
  {DOCKER} -v "$PWD:/data:ro" -w /data -v lora-job-cache:/cache --gpus all -e HF_TOKEN -e FINETUNE_OUTPUT_DIR=/output \
IMAGE --env-file my.env
all variables and exit codes:
  docker run --rm IMAGE --help
Without an image, write `{PROG}` before --env-file or --help."""


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    args = parse(arguments)
    command: Command = args.command
    start_logging("stdout" if command is COMMANDS[0] else "stderr")
    LineFormatter.as_json = wants_json(os.environ)
    try:
        if args.directory:
            os.chdir(args.directory)
    except OSError as missing:
        error = ArgumentError(
            [f"--directory {args.directory}: {missing.strerror}; were the run's files brought there?"]
        )
        error.remedy = "Bring them there with the commands that `manifest` prints, and submit the run again."
        if command is COMMANDS[0]:
            return refused(error, output_dir(os.environ), "settings")
        log_failure(error, command.name)
        return error.exit_code
    return command.call(args) if command is COMMANDS[0] else printing(partial(command.call, args), command.name)


# --- the command line ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Command:
    name: str
    sentence: str
    example: str
    """What follows `lora-job` or `python entrypoint.py`."""
    call: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    """Adds the arguments that it takes besides --env-file."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A wrong command line is a wrong setting: exit 64, which no queue tries again."""
        wrong = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        if wrong:
            known = re.findall(r"[\w-]+", wrong[2])
            few = f"; there are {' and '.join(known)}" if len(known) < 3 else ""
            message = f"there is no '{wrong[1]}'" + (suggestion(wrong[1], known) or few)
        self.exit(SettingsError.exit_code, f"{self.prog}: {message}; see {self.prog} --help\n")


OPTIONS = (
    *("--adapter", "--directory", "--env-file", "--gpu", "--image", "--json", "--no-spot", "--only", "--output"),
    *("--gpus", "--nodes", "--price", "--spot", "--help", "--version"),
)


def suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known)
    return f"; did you mean {near[0]}?" if near else ""


def parse(arguments: list[str]) -> argparse.Namespace:
    """`command`, `env_file`, and for a manifest `target` and `image`. Exits on a wrong command line (64) and on --help."""
    arguments = _without_platform_words(arguments)
    parser = _parser(arguments)
    options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
    for option in options:
        if not any(known.startswith(option) for known in OPTIONS):  # argparse would take its value for a command
            parser.error(f"there is no option {option}" + suggestion(option, OPTIONS))
    if sum(option != "--" and "--env-file".startswith(option) for option in options) > 1:
        parser.error(
            "--env-file is there twice: of several files docker takes all, and this command would take one; join them"
        )
    return parser.parse_args(arguments)


def _without_platform_words(arguments: list[str]) -> list[str]:
    """SageMaker puts `train` after our entrypoint; where a platform requires a command, ours may be repeated."""
    for position, word in enumerate(arguments[:2]):
        if word.startswith("-"):
            break
        if Path(word).name in ("entrypoint.py", "lora-job"):
            arguments = arguments[position + 1 :]
            break
    return arguments[1:] if arguments[:1] == ["train"] else arguments


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROG,
        description="Clean rows, train a LoRA adapter on a 4-bit base model, probe both models, push the adapter to the Hub.",
        epilog=reference(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lora-job {__version__}")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="FOLDER",
        help="work in this folder, where the files that the settings name are; manifests use it; goes before the command",
    )
    _add_env_file(parser, default=None)
    parser.set_defaults(command=COMMANDS[0])
    words = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        word = words.add_parser(
            command.name,
            help=command.sentence,
            description=command.sentence,
            epilog=f"example:\n  {PROG} {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        word.set_defaults(command=command)
        _add_env_file(word, default=argparse.SUPPRESS)  # keeps an --env-file that stands before the command
        if command.name in arguments:  # a run needs neither queues nor prices of cards
            command.add_arguments(word)
    return parser


def _add_env_file(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        default=default,
        help="file of variables in docker's format; the environment overrides it; goes before or after the command",
    )


def _add_target(parser: argparse.ArgumentParser) -> None:
    from job.submit import TARGETS

    names = [target.name for target in TARGETS]
    parser.add_argument("target", choices=names, metavar="TARGET", help="one of the targets below")
    parser.add_argument("--image", required=True, help="the image, as the queue pulls it")
    _add_gpu(parser, "card to ask for, with memory, disk and a time limit from an estimate", "without it as listed")
    _add_number(parser, "--gpus", "GPUs in each host; without it one")
    _add_number(parser, "--nodes", "hosts that train together; without it one")
    parser.add_argument(
        "--spot",
        action=argparse.BooleanOptionalAction,
        help="a machine that may be taken away at any time, for less money, or one that may not; without either, as listed",
    )
    targets = "\n".join(f"  {target.name:<12} {target.sentence}" for target in TARGETS)
    parser.epilog = f"{parser.epilog}\n\ntargets:\n{targets}"


def _add_card(parser: argparse.ArgumentParser) -> None:
    from job.plan.cost import T4

    _add_gpu(parser, "card for which memory and time are estimated", f"without it {T4.name}")
    _add_number(parser, "--gpus", "such cards in one host; without it one")
    parser.add_argument("--price", type=_price, default=0.0, help="price of an hour on that machine, in any currency")


def _add_gpu(parser: argparse.ArgumentParser, what: str, otherwise: str) -> None:
    from job.plan.cost import CARDS

    names = ", ".join(card.name for card in CARDS)

    def known(name: str) -> Card:
        for card in CARDS:
            if card.name == name.upper():
                return card
        raise argparse.ArgumentTypeError(f"must be one of {names}, not '{name}'")

    parser.add_argument("--gpu", type=known, metavar="CARD", help=f"{what}: {names}; {otherwise}")


def _add_number(parser: argparse.ArgumentParser, option: str, what: str) -> None:
    def number(text: str) -> int:
        if not (text.isdecimal() and int(text)):
            raise argparse.ArgumentTypeError(f"must be a number from 1, not '{text}'")
        return int(text)

    parser.add_argument(option, type=number, metavar="N", default=1, help=what)


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = 0.0
    if not 0 < price < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not '{text}'")
    return price


def reference() -> str:
    """An example, every variable and every exit code, for --help."""
    lines = ["example:", f"  {PROG} --env-file env/quickstart.env", "", "variables:"]
    for variable in variables():
        limits = f" ({variable.bounds})" if variable.bounds else ""
        default = "required" if variable.required else f"default {variable.default or 'empty'}"
        lines += [f"  {variable.name}", f"      {variable.kind}{limits}, {default}. {variable.sentence}"]
    lines += [
        "  HF_TOKEN, HF_TOKEN_PATH",
        "      Hub token, or the file that holds it; needed for gated or private repositories and for a push.",
        "",
        "exit codes:",
    ]
    for code, (meaning, again) in EXIT_CODES.items():
        lines.append(f"  {code:<3} {meaning}" + (f" [another try: {again}]" if again else ""))
    return "\n".join(lines)


# --- run -------------------------------------------------------------------------------------------------------------


def _run_command(args: argparse.Namespace) -> int:
    return start(args.env_file, FIRST_STEPS)


# --- plan ------------------------------------------------------------------------------------------------------------


def _plan(args: argparse.Namespace) -> int:
    from job.plan.facts import Facts
    from job.plan.sections import lines

    before = {name for name in os.environ if name.startswith(PREFIX)}
    hide_secrets(os.environ)
    try:
        require_working_folder()
        settings = load_settings(args.env_file)
        hide_secrets(os.environ)
        require_way_to_hub(settings)
        require_tracker(settings)
        require_ray(settings.data)
        token = load_token()
        hide(token)
        prepare_libraries(settings)
        if settings.uses_hub:
            do_not_wait_for_the_hub()
        require_folders(settings, os.environ)
        now = {name for name in os.environ if name.startswith(PREFIX) and os.environ[name]}
        origin = {name: "environment" if name in before else f"{args.env_file}" for name in now}
        for line in lines(Facts(settings, token, origin, args.gpu, args.price or settings.hourly_price, args.gpus)):
            print(redact(line))
    except JobError as error:
        hide_secrets(os.environ)  # the message quotes values of the env file too
        log_failure(error, "plan")
        return error.exit_code
    return SUCCESS


# --- manifest --------------------------------------------------------------------------------------------------------


def _manifest(args: argparse.Namespace) -> int:
    """The manifest goes to standard output; what is still to be done goes to standard error."""
    from job.submit import TARGETS
    from job.submit.obstacles import require_possible
    from job.submit.placeholders import notes
    from job.submit.submission import describe

    target = next(target for target in TARGETS if target.name == args.target)
    hide_secrets(os.environ)
    try:
        if args.env_file is None:
            raise ArgumentError(["--env-file FILE: missing; a manifest needs an env file"])
        card = args.gpu.name if args.gpu else ""
        job = describe(args.env_file, args.image, card=card, gpus=args.gpus, nodes=args.nodes, spot=args.spot)
        require_possible(job, target)
        text = target.write(job)
    except SettingsError as error:
        with suppress(SettingsError):  # the message quotes values of the env file too
            hide_secrets(read_env_file(args.env_file) if args.env_file else {})
        log_failure(error, "manifest")
        return error.exit_code
    print(text, end="")
    said = [*target.said(job), f"{target.name}: {target.sentence}"]
    for line in [*notes(text, "\n".join(said)), *said]:
        print(line, file=sys.stderr)
    return SUCCESS


# --- export ----------------------------------------------------------------------------------------------------------


def _export(args: argparse.Namespace) -> int:
    from job.export import export

    return export(args.form, args.output, args.env_file)


def _add_forms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "form", nargs="*", metavar="FORM", help="adapter, lora, merged; without one, what FINETUNE_EXPORT names"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder of the run; else FINETUNE_OUTPUT_DIR")


# --- ask -------------------------------------------------------------------------------------------------------------


def _ask(args: argparse.Namespace) -> int:
    from job.asking.command import Request, ask

    question = " ".join(args.question) if args.question else None
    return ask(Request(question, args.output, args.adapter, args.only, args.json), args.env_file)


def _add_question(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="*", metavar="QUESTION", help="without it, questions are read one a line")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder of the run; else FINETUNE_OUTPUT_DIR")
    parser.add_argument(
        "--adapter", default="", metavar="OWNER/NAME", help="in place of a run, what it pushed to the Hub"
    )
    parser.add_argument(
        "--only", choices=("base", "tuned"), default="", metavar="MODEL", help="base or tuned; else both"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each question, and nothing else")


COMMANDS: tuple[Command, ...] = (
    Command(
        "run", "Run what the settings describe. This is the default command.", "run --env-file my.env", _run_command
    ),
    Command(
        "plan",
        "Print what a run would do, from a sample of the rows, and what it would fail with. Needs no GPU, loads no weights and "
        "writes nothing.",
        "plan --gpu T4 --env-file env/medical-t4.env",
        _plan,
        _add_card,
    ),
    Command(
        "manifest",
        "Print the manifest that makes a queue run what an env file describes.",
        "manifest kubernetes --env-file my.env --image registry.example/team/lora-job:0.1.0 > job.yaml",
        _manifest,
        _add_target,
    ),
    Command(
        "export",
        "Write the model of a finished run in more forms: lora, for every tool that takes adapters, or merged, a whole model.",
        "export merged --output output",
        _export,
        _add_forms,
    ),
    Command(
        "ask",
        "Ask base and tuned model of a finished run, side by side, as its probe did. Reads the folder, and writes nothing.",
        'ask --output output "Why are the leaves of my basil yellow?"',
        _ask,
        _add_question,
    ),
)
"""In the order of --help; without a command, the first one runs."""

"""Reads the environment once, and reports everything that is wrong with it together."""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from itertools import takewhile
from pathlib import Path

from pydantic import ValidationError

from job.errors import AccessDenied, SettingsError
from job.settings.connection import wrong_connection
from job.settings.env_files import fill_environment, read_env_file
from job.settings.fields import PREFIX, SECTIONS, Settings
from job.settings.files import read_file
from job.settings.reference import variables
from job.settings.values import items_of

log = logging.getLogger("job")
MOUNTED_TOKEN = Path("/run/secrets/hf_token")
TOKEN = "HF_TOKEN"
TOKEN_VARIABLES = (TOKEN, "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN")
"""Where the Hub's client looks for a token by itself. The job reads no token from the last one, a name of the past."""


def load_settings(env_file: Path | None = None) -> Settings:
    """Read and check everything at once.

    Raises SettingsError (64) with all problems.
    """
    fill_environment(env_file)
    return _of_environment()


def require_sound_variables() -> None:
    """For commands that need no settings of a run: names and forms alone. Raises SettingsError (64) with all problems."""
    if problems := _unsound():
        raise SettingsError(problems)


def _unsound() -> list[str]:
    """What is wrong with names, text and connection, whatever the settings are."""
    problems = [*_drop_broken_text(os.environ), *_in_capitals(os.environ)]
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        os.environ[name] = os.environ[name].strip()
    return [
        *problems,
        *_unknown_names(os.environ),
        *_quoted(os.environ),
        *_unexpanded(os.environ),
        *wrong_connection(os.environ),
    ]


def _of_environment() -> Settings:
    problems = _unsound()
    sections = {f"{PREFIX}{section}".upper() for section in SECTIONS}
    for name in [name for name in os.environ if name.upper() in sections]:
        del os.environ[name]  # `FINETUNE_LORA=16` is no variable, and would hide every other problem of its section
    try:
        settings = Settings()
    except ValidationError as error:
        problems += _sentences(error, os.environ)
        raise SettingsError(problems) from None  # the cause would print the whole input, secrets included
    if problems:
        raise SettingsError(problems)
    return settings


def load_file(path: Path) -> tuple[Settings, dict[str, str]]:
    """The settings of one file alone, and its values verbatim: what goes to another machine.

    Raises SettingsError (64) with all problems. This process's own FINETUNE_ variables are ignored.
    """
    values = read_env_file(path)
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name in values or name.upper().startswith(PREFIX)
    }
    os.environ.update(values)
    try:
        return _of_environment(), values
    finally:
        for name in [name for name in os.environ if name in values or name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(kept)


def load_token() -> str:
    """The Hub token: from HF_TOKEN, else from the file that HF_TOKEN_PATH names, else from the place where engines mount a
    secret `hf_token`; empty if there is none.

    Takes these variables out of the environment: processes that this one starts need no token, and those who download or push
    get it as an argument. Raises AccessDenied (67) if that is no token or the file cannot be read: without the token the
    run would fail hours later.
    """
    token, path, old = (os.environ.pop(name, "").strip() for name in TOKEN_VARIABLES)
    if not path and os.path.exists(MOUNTED_TOKEN):  # noqa: PTH110 (Path.exists raises in a folder of root)
        path = str(MOUNTED_TOKEN)
    _require_token(token, TOKEN)
    if old and not token and not path:
        log.warning(
            "stage=settings token=none: HUGGING_FACE_HUB_TOKEN is an old name that is not read; set HF_TOKEN instead"
        )
    if token or not path:
        return token
    place = path if path == str(MOUNTED_TOKEN) else "that HF_TOKEN_PATH names"
    try:
        token = read_file(Path(path), "ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessDenied(
            f"The token file {place} cannot be read ({_without_value(error)}).",
            remedy="Set HF_TOKEN_PATH to a readable file that holds the token, or set HF_TOKEN.",
        ) from None  # the cause quotes the path, and who mixes the variables up has put the token there
    _require_token(token, f"The token file {place}")
    return token


def _require_token(token: str, holder: str) -> None:
    """Raises AccessDenied (67). `holder`: what holds it. The Hub's client takes any text, and then takes the Hub for down."""
    if _is_quoted(token):
        raise AccessDenied(
            f"{holder} holds quotes around the token, which docker --env-file keeps.", remedy="Write it without quotes."
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise AccessDenied(
            f"{holder} holds characters that no token has, such as a blank or a line break.",
            remedy="Set it to the token alone.",
        )


def _without_value(error: OSError | UnicodeDecodeError) -> str:
    """What happened, without the path."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not ASCII text"


RENAMED = {
    "FINETUNE_DATA_CONTACTS": "FINETUNE_DATA_REMOVE_CONTACTS",
    "FINETUNE_DATA_EVAL_SHARE": "FINETUNE_DATA_EVAL_FRACTION",
    "FINETUNE_PROBE_EVAL_ROWS": "FINETUNE_PROBE_ANSWERS",
    "FINETUNE_TRAIN_LOSS": "FINETUNE_TRAIN_LOSS_ON",
    "FINETUNE_TRAIN_SCHEDULE": "FINETUNE_TRAIN_LR_SCHEDULER",
}
"""Names of version 0.1.0 -> today's. An old name is refused with a message that gives the new one: no setting has two names."""


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    known = [variable.name for variable in variables()]
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        if name.upper() in RENAMED:
            yield f"{name}: this variable is now called {RENAMED[name.upper()]}"
        else:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
            yield f"{_shown(name)}: there is no such variable" + (f"; did you mean {near[0]}?" if near else "")


def _shown(name: str) -> str:
    """As far as its words are letters in one case: who mistakes a line may have put a secret into the name."""
    words = name.split("_")
    plain = [*takewhile(lambda word: re.fullmatch("[A-Z]+|[A-Z]?[a-z]+", word), words)]
    return "_".join(plain if len(plain) == len(words) else [*plain, "..."])


def _in_capitals(environ: MutableMapping[str, str]) -> Iterator[str]:
    """Names in small letters are refused: docker and a shell take them for other variables. The value counts from here on, so
    that the start is refused in the folder that was meant, with all its problems."""
    known = {variable.name for variable in variables()}
    for name in sorted(environ):
        if name != name.upper() and name.upper() in known:
            environ.setdefault(name.upper(), environ.pop(name))
            yield f"{name}: write the name in capitals, {name.upper()}"


def _drop_broken_text(environ: MutableMapping[str, str]) -> Iterator[str]:
    """Names and values that are not UTF-8. Python holds them as text that cannot be written down, in metrics.json for one."""
    for name in [name for name in environ if name.upper().startswith(PREFIX)]:
        if is_broken(name) or is_broken(environ[name]):
            del environ[name]
            yield f"{name.encode('utf-8', 'backslashreplace').decode()}: name or value is not UTF-8 text"


def is_broken(text: str) -> bool:
    """Whether it was bytes that are not UTF-8, which Python holds as halves of characters."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _quoted(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        if name.startswith(PREFIX) and _is_quoted(environ[name]):
            yield f"{name}: the value is in quotes, which docker --env-file keeps; write it without quotes"


_SHORT = r"(?:~[\w.-]*|\$\w+|\$\{\w+\})"
SHELLS_WORK = re.compile(rf"(?:^|,)\s*{_SHORT}/|^{_SHORT}$")
"""`~/rows.jsonl` or `$HOME/out`, also in a list, or nothing else. A word of a list, such as a brand, may be `$x`."""


def _unexpanded(environ: Mapping[str, str]) -> Iterator[str]:
    """No reader of env files expands these, and a folder called `~` is not what anybody means."""
    for name in sorted(environ):
        if name.startswith(PREFIX) and SHELLS_WORK.search(environ[name]):
            yield f"{name}: '{environ[name]}' holds what only a shell expands; write the path without ~ or $"


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]


def _sentences(error: ValidationError, environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each problem that pydantic found, except those that have one by now."""
    reported = set()
    for problem in error.errors(include_input=False, include_context=False, include_url=False):
        message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        named = message.startswith(PREFIX)  # by the check of a whole section
        name = message.partition(":")[0] if named else _variable_at(problem["loc"])
        value = environ.get(name, "")
        if problem["type"] == "extra_forbidden" or _is_quoted(value) or SHELLS_WORK.search(value):
            continue
        items = [number for number in problem["loc"] if isinstance(number, int)]
        if name in reported and (problem["type"] == "too_short" or items):
            continue  # of a list one item is enough, and pydantic counts only the valid ones
        reported.add(name)
        if problem["type"] == "missing":
            yield f"{name}: not set; name a data set, for instance owner/name or ./rows.jsonl"
        elif problem["type"] == "too_short":
            yield f"{name}: needs at least one value, not '{value}'"
        elif problem["type"] == "value_error":
            yield message if named else f"{name}: {message}"
        else:
            value = items_of(value)[items[0]] if items else value
            yield f"{name}: must be {message}" + (f", not '{value}'" if value else "")


def _variable_at(place: tuple[int | str, ...]) -> str:
    """("train", "seed") -> FINETUNE_TRAIN_SEED, ("export", 0) -> FINETUNE_EXPORT. Without any data variable the whole section
    is missing."""
    if place == ("data",):
        return f"{PREFIX}DATA_SOURCES"
    return (PREFIX + "_".join(name for name in place[:2] if isinstance(name, str))).upper()

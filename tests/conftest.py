"""What the tests share: a tiny random base model, rows, a run of the real command, a stand-in Hub."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import logging
import os
import random
import signal
import subprocess
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.standin_hub import StandInHub

# Before torch: threads of several processes on two cores wait for each other; and see job/hosts/libraries.py.
os.environ |= {"OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1"} | os.environ
PROJECT = Path(__file__).resolve().parent.parent
WRITE_TOKEN = "hf_" + "w" * 30
READ_TOKEN = "hf_" + "r" * 30
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m light` leaves files and folders without a light test alone: importing them takes longer than all light tests."""
    if config.getoption("markexpr") != "light":
        return None
    files = collection_path.rglob("test_*.py") if collection_path.is_dir() else [collection_path]
    return not any("pytest.mark.light" in file.read_text("utf-8") for file in files if file.suffix == ".py") or None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their parameter: gzip writes the second into them, and two workers must collect the same names."""
    return argname if isinstance(val, bytes) else None


LONGEST = (
    *("training/test_families.py", "jobs/test_quickstart.py", "jobs/test_job.py", "jobs/test_verdicts.py"),
    *("training/test_stopping.py", "jobs/test_interruption.py", "runs/test_supervisor.py", "jobs/test_hub_runs.py"),
)
"""Files of twenty seconds and more on two idle cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then those with the most slow tests, so that the two workers end together."""
    place = {PROJECT / "tests" / name: number for number, name in enumerate(LONGEST)}
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (place.get(item.path, len(place)), -slow[item.path]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no NVIDIA GPU here; `python -m pytest -m gpu -n 0` runs these on a machine with one")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests recorded as `families`: one line each, in whatever process they ran."""
    lines = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in getattr(report, "user_properties", [])
        if name == "families" and getattr(report, "when", "") == "call"
    ]
    if lines:
        terminalreporter.section("families of base models")
        for line in sorted(lines):
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see only the variables that they set."""
    for name in list(os.environ):
        if name.startswith("FINETUNE_") or name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT"):
            monkeypatch.delenv(name)


HANDLERS = {number: signal.getsignal(number) for number in signal.Signals if signal.getsignal(number) is not None}


def put_handlers_back() -> set[str]:
    """Returns the names of the signals whose handlers had changed since the tests began."""
    changed = {number for number, handler in HANDLERS.items() if signal.getsignal(number) != handler}
    for number in changed:
        signal.signal(number, HANDLERS[number])
    return {number.name for number in changed}


@pytest.fixture(autouse=True)
def _no_handler_is_left() -> Iterator[None]:
    """A run that has ended ignores signals until its process is gone. In a process of tests every later one would inherit
    that, and a test that waits for a process after `terminate()` would wait for ever."""
    yield
    left = put_handlers_back()
    assert not left, f"handlers of {', '.join(sorted(left))} are left: use the fixture `command` or `handlers`"


@pytest.fixture
def handlers() -> Iterator[None]:
    """For a test that leaves handlers of signals."""
    yield
    put_handlers_back()


def make_rows(count: int, seed: int = 1) -> list[dict[str, str]]:
    """Rows in the layout instruction/input/output, with greetings and sign-offs around answers of 12 to 20 words."""
    random_numbers = random.Random(seed)
    things = ["kettle", "lamp", "bench", "ladder", "rope", "bucket", "drill", "broom", "hinge", "gate"]
    rows = []
    for number in range(count):
        thing, other = random_numbers.sample(things, 2)
        rows.append(
            {
                "instruction": "You repair things.",
                "input": f"My {thing} number {number} is broken, and the {other} too. What should I do?",
                "output": f"Hello, thanks for your question. Take the {thing} apart first and clean every part of it. "
                f"Then look at the {other}, part {number}, and replace the screws. Hope this helps. Regards.",
            }
        )
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def make_base(
    folder: Path, *, tied: bool = True, template: str | None = TEMPLATE, seed: int = 0, **config: Any
) -> Path:
    """A random Llama of 2 layers and 64 channels with a byte-level tokenizer, as a folder that transformers loads."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from job.quickstart.make_base import make_tokenizer

    tokenizer = make_tokenizer([row["input"] + " " + row["output"] for row in make_rows(50)])
    tokenizer.chat_template = template
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": tied,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**(shape | config))).to(torch.float16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


LLAMA_3B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16", "hidden_size": 3072,
    "num_hidden_layers": 28, "num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192,
    "vocab_size": 128256, "tie_word_embeddings": True,
}  # fmt: skip


@pytest.fixture(scope="session")
def llama_3b(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Llama 3.2 3B without its weights."""
    from job.modeling.architecture import Architecture

    folder = tmp_path_factory.mktemp("llama-3b")
    (folder / "config.json").write_text(json.dumps(LLAMA_3B), "utf-8")
    return Architecture.read(folder, "llama-3b")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def untied_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("untied"), tied=False)


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", make_rows(60))


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with StandInHub({WRITE_TOKEN: ("alice", "write"), READ_TOKEN: ("bob", "read")}) as server:
        yield server


def unwatched(work: Callable[..., int], file: Any, **_: Any) -> Any:
    """In place of `supervise`: the work in this process."""
    from job.runs.deaths import Death

    return Death(work(file.take), killed="", signal="", idle_seconds=0, memory_killed=False, tail="")


@contextlib.contextmanager
def round_trip_in_this_process() -> Iterator[None]:
    """The round-trip check as it is, by the model card's code and from the saved files, but without its fresh process: each of
    these spends six CPU seconds on imports. Runs of the real command have it (test_job.py, test_quickstart.py)."""
    import torch

    from job.modeling import fresh

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), torch.random.fork_rng():
                importlib.import_module(command[2]).main(command[-1])
        except Exception:
            return subprocess.CompletedProcess(command, 1, said.getvalue(), traceback.format_exc())
        return subprocess.CompletedProcess(command, 0, said.getvalue(), "")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fresh, "subprocess", SimpleNamespace(run=run))
        yield


@pytest.fixture(scope="module")
def round_trip_here() -> Iterator[None]:
    with round_trip_in_this_process():
        yield


@pytest.fixture
def command() -> Iterator[Callable[..., int]]:
    """The command's own function, without the process that watches: one of its own would spend ten seconds on imports. What it
    sets up is put back."""
    from job import cli, start
    from job.hosts.libraries import SILENT
    from job.runs.logs import LineFormatter

    root, hook, environment = logging.getLogger(), sys.excepthook, dict(os.environ)
    handlers, level, streams = root.handlers[:], root.level, (sys.stdout, sys.stderr)
    ours = logging.getLogger("job").level

    def put_back() -> None:
        LineFormatter.as_json = False
        SILENT.clear()
        os.environ.clear()
        os.environ.update(environment)
        put_handlers_back()  # ignored once a run has ended

    def run(variables: dict[str, str], *arguments: str) -> int:
        put_back()
        os.environ.update(variables)
        return cli.main(list(arguments))

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(start, "supervise", unwatched)
        yield run
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    logging.getLogger("job").setLevel(ours)
    sys.stdout, sys.stderr = streams
    logging.captureWarnings(False)
    put_back()
    if "job.hosts.patience" in sys.modules:  # a run on the Hub tries for ten minutes
        from job.hosts.patience import Limits, set_limits

        set_limits(Limits())


def small_run(base: Path, rows: Path, output: Path, **changes: str) -> dict[str, str]:
    """Variables of a run that takes seconds; `changes` by their names without FINETUNE_."""
    names = {
        "DATA_SOURCES": str(rows),
        "DATA_MIN_ANSWER_WORDS": "5",
        "DATA_MIN_ROWS": "10",
        "MODEL_BASE": str(base),
        "TRAIN_MAX_TOKENS": "256",
        "TRAIN_WARMUP_STEPS": "1",
        "TRAIN_EVAL_STEPS": "2",
        "TRAIN_LOG_STEPS": "1",
        "TRAIN_LEARNING_RATE": "0.01",
        "PROBE_ANSWERS": "2",
        "PROBE_MAX_NEW_TOKENS": "8",
        "EXPORT": "adapter",  # other forms take a process of ten seconds each
        "HUB_PUSH_WHEN": "always",  # a model of random numbers learns nothing that two answers show
        "OUTPUT_DIR": str(output),
    }
    return {f"FINETUNE_{name}": value for name, value in (names | changes).items()}


def clean_environment(variables: dict[str, str]) -> dict[str, str]:
    """This process's environment without anything that names a run or a Hub, and `variables`."""
    ambient = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FINETUNE_", "HF_")) and name != "PYTHONPATH"
    }
    return {**ambient, "OMP_NUM_THREADS": "1", **variables}


def start_job(variables: dict[str, str], *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The real command in a process of its own. With `stderr=subprocess.STDOUT` its whole log comes through `stdout`."""
    return subprocess.Popen(
        [sys.executable, str(PROJECT / "entrypoint.py"), *arguments],
        env=clean_environment(variables),
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def run_job(variables: dict[str, str], *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    child = start_job(variables, *arguments, **options)
    output, errors = child.communicate(timeout=300)
    assert "an autograd kernel was not registered" not in errors, errors  # gradients that stop at an operator
    return subprocess.CompletedProcess(child.args, child.returncode, output, errors)


def metrics_of(folder: Path) -> dict[str, Any]:
    """metrics.json, which keeps to the published schema at every ending."""
    value = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert isinstance(value, dict)
    if faults := [f"{error.json_path}: {error.message}" for error in metrics_schema().iter_errors(value)]:
        raise AssertionError(f"metrics.json is not as its schema has it: {faults}")
    return value


@functools.cache
def metrics_schema() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((PROJECT / "job" / "results" / "metrics.schema.json").read_text("utf-8")))


def differing_tensors(first: Path, second: Path) -> dict[str, float]:
    """By their names, the tensors of two safetensors files that are not equal bit by bit, and their largest difference."""
    from safetensors.torch import load_file

    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    return {name: (one[name] - other[name]).abs().max().item() for name in one if not one[name].equal(other[name])}

"""The command line: words, options, and what each command leaves."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job import __version__, cli
from job.plan.cost import CARDS
from job.plan.facts import Facts
from job.runs import redaction
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

IMAGE = "registry.example/lora-job:0.1.0"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said about a wrong command line, which ends with 64."""
    with pytest.raises(SystemExit) as caught:
        cli.parse(list(words))
    assert caught.value.code == 64
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.parse(list(words))
    assert caught.value.code == 0
    return capsys.readouterr().out


# --- words and options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "--env-file my.env manifest kubernetes --image I",
        "manifest --env-file my.env kubernetes --image I",
        "manifest kubernetes --image I --env-file=my.env",
        "python3 /app/entrypoint.py --env-file my.env manifest --image I kubernetes",
    ],
)
def test_a_manifest_is_a_manifest_wherever_the_env_file_stands(words: str) -> None:
    args = cli.parse(words.split())
    assert (args.command.name, args.target, args.image, args.env_file) == (
        "manifest",
        "kubernetes",
        "I",
        Path("my.env"),
    )


@pytest.mark.parametrize(
    ("words", "name", "file"),
    [
        ("", "run", None),
        ("--env-file my.env", "run", "my.env"),
        ("run --env-file my.env", "run", "my.env"),
        ("--env-file my.env run", "run", "my.env"),
        ("plan", "plan", None),
        ("--env-file my.env plan", "plan", "my.env"),
        ("plan --env-file my.env", "plan", "my.env"),
        # what platforms add
        ("train", "run", None),
        ("train --env-file my.env", "run", "my.env"),
        ("python entrypoint.py", "run", None),
        ("python3 /app/entrypoint.py run --env-file my.env", "run", "my.env"),
        ("/app/entrypoint.py train", "run", None),
        ("lora-job plan --env-file my.env", "plan", "my.env"),
        ("--env-file lora-job plan", "plan", "lora-job"),
    ],
)
def test_run_is_the_default_and_words_of_platforms_are_none_of_ours(words: str, name: str, file: str | None) -> None:
    args = cli.parse(words.split())
    assert (args.command.name, args.env_file) == (name, Path(file) if file else None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pln", "there is no 'pln'; did you mean plan?"),
        ("destroy", "there is no 'destroy'; see"),
        ("manifest kubernets --env-file x --image I", "there is no 'kubernets'; did you mean kubernetes?"),
        ("--env-fiel my.env", "there is no option --env-fiel; did you mean --env-file?"),
        ("plan --env_file=my.env", "there is no option --env_file; did you mean --env-file?"),
        ("--env-file one.env run --env-file two.env", "--env-file is there twice"),
        ("plan --env-file=one.env --env two.env", "--env-file is there twice"),
        ("plan docker", "unrecognized arguments: docker"),
        ("manifest docker --env-file x", "the following arguments are required: --image"),
        ("plan --env-file", "expected one argument"),
        ("plan --gpu T5", "argument --gpu: must be one of T4, L4, A100, H100, not 'T5'"),
        ("plan --price free", "argument --price: must be a number above 0, not 'free'"),
        ("plan --price -1", "argument --price: must be a number above 0, not '-1'"),
        ("run --gpu T4", "unrecognized arguments: --gpu T4"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_and_what_was_meant(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, *words.split())
    assert said in message
    assert len(message.splitlines()) == 1
    assert re.search(r"; see python entrypoint\.py( manifest| plan)? --help$", message.strip())


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "--version") == f"lora-job {__version__}\n"


def test_help_lists_every_command_variable_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--help")
    for command in cli.COMMANDS:
        assert f"    {command.name} " in text
    lines = text.splitlines()
    assert "      number (> 0, <= 1), default 0.0002. Peak learning rate." in lines
    assert any(line.startswith("      true|false, default true. Push to private repositories only;") for line in lines)
    sources = lines.index("  FINETUNE_DATA_SOURCES")
    assert lines[sources - 2 : sources] == ["", "variables:"]
    assert lines[sources + 1].startswith("      list, required. Data sets, separated by commas.")
    assert any(line.startswith("      text, default empty. Text file with the system prompt") for line in lines)
    token = lines.index("  HF_TOKEN, HF_TOKEN_PATH")
    assert lines[token + 1 :][:4] == [
        "      Hub token, or the file that holds it; needed for gated or private repositories and for a push.",
        "",
        "exit codes:",
        "  0   everything is done, and any push is verified",
    ]
    assert (
        "  75  stopped by a signal or before the deadline; what was done is saved [another try: yes, continues]"
        in lines
    )


ENV_FILE_HELP = (
    "  --env-file FILE  file of variables in docker's format; the environment overrides it; "
    "goes before or after the command"
)


@pytest.mark.parametrize(
    ("words", "usage", "said"),
    [
        (
            "",
            "[--version] [--directory FOLDER] [--env-file FILE] COMMAND ...",
            [
                "Clean rows, train a LoRA adapter on a 4-bit base model, probe both models, push the adapter to the Hub.",
                "commands:",
                "  COMMAND",
            ],
        ),
        (
            "plan",
            "[--env-file FILE] [--gpu CARD] [--gpus N] [--price PRICE]",
            [
                "Print what a run would do, from a sample of the rows, and what it would fail with. Needs no GPU, loads no "
                "weights and writes nothing.",
                "  --gpu CARD       card for which memory and time are estimated: T4, L4, A100, H100; without it T4",
                "  --gpus N         such cards in one host; without it one",
                "  --price PRICE    price of an hour on that machine, in any currency",
            ],
        ),
        (
            "manifest",
            "[--env-file FILE] --image IMAGE [--gpu CARD] [--gpus N] [--nodes N] [--spot | --no-spot] TARGET",
            [
                "  TARGET             one of the targets below",
                "  --image IMAGE      the image, as the queue pulls it",
                "  --gpu CARD         card to ask for, with memory, disk and a time limit from an estimate: T4, L4, A100, "
                "H100; without it as listed",
                "  --gpus N           GPUs in each host; without it one",
                "  --nodes N          hosts that train together; without it one",
            ],
        ),
    ],
)
def test_help_says_what_a_command_and_its_options_are_for(
    words: str, usage: str, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = shown(capsys, *words.split(), "--help").splitlines()
    assert lines[0] == " ".join(f"usage: python entrypoint.py {words} [-h] {usage}".split())
    assert {" ".join(line.split()) for line in (ENV_FILE_HELP, *said)} <= {" ".join(line.split()) for line in lines}


@pytest.mark.parametrize("words", [[], *([command.name] for command in cli.COMMANDS)], ids=" ".join)
def test_every_help_has_an_example_that_works(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, *words, "--help")
    (example,) = re.findall(r"^example:\n  python entrypoint\.py (.*)$", text, re.MULTILINE)
    args = cli.parse(shlex.split(example.partition(" > ")[0]))
    assert args.command.name == (words[0] if words else "run")


def test_a_new_command_is_one_entry(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    count = cli.Command("count", "Count the rows.", "count --env-file my.env", lambda args: 7)
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, count))
    monkeypatch.setattr(cli, "start_logging", lambda info: None)
    assert cli.main(["--env-file", "my.env", "count"]) == 7
    assert "Count the rows." in shown(capsys, "--help")


# --- where it starts -------------------------------------------------------------------------------------------------


def started(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("words", "imports"), [("run --env-file f", False), ("manifest docker --image I", True)])
def test_a_run_imports_no_queue(words: str, imports: bool) -> None:
    found = started(f"import sys; from job import cli; cli.parse({words.split()}); print('job.submit' in sys.modules)")
    assert found.stdout.strip() == str(imports), found.stderr


def test_lora_job_is_the_same_command_under_its_own_name() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"lora-job": "job.__main__:main"}
    installed = "import sys; sys.argv[0] = '/venv/bin/lora-job'; from job.__main__ import main; sys.exit(main())"
    result = started(installed, "manifst")
    assert (result.returncode, result.stderr) == (
        64,
        "lora-job: there is no 'manifst'; did you mean manifest?; see lora-job --help\n",
    )


@pytest.mark.parametrize(
    "start",
    ["import runpy; runpy.run_path('entrypoint.py', run_name='__main__')", "from job.__main__ import main; main()"],
)
@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGXCPU"])
def test_a_signal_during_the_imports_is_answered(name: str, start: str) -> None:
    """As process 1 of a container Python would ignore it."""
    arrives = f"""
import signal, sys
class Arrives:
    def find_spec(self, name, *_):
        if name == "job.cli":
            signal.raise_signal(signal.{name})
sys.meta_path.insert(0, Arrives())
{start}
"""
    result = started(arrives)
    assert (result.returncode, result.stderr) == (75, f"{name} arrived before the run began.\n")


# --- commands --------------------------------------------------------------------------------------------------------


def test_wrong_settings_of_a_plan_and_of_a_manifest_exit_64(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.env"
    file.write_text("FINETUNE_DATA_SOURCES=quickstart\nFINETUNE_LORA_R=0\n", "utf-8")
    for words in (["plan"], ["manifest", "docker", "--image", IMAGE]):
        assert command({}, *words, "--env-file", str(file)) == 64
        output = capsys.readouterr()
        assert output.out == ""
        assert f"stage={words[0]} error=SettingsError" in output.err


@pytest.mark.parametrize("words", ["run", "plan", "manifest docker --image I"])
def test_a_refusal_quotes_no_secret_of_the_env_file(
    words: str,
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "run.env"
    lines = (
        "HF_TOKEN=plain-secret",
        "FINETUNE_TRAIN_SEED=plain-secret",
        "HTTP_PROXY=http://user:s3cr3tpart#tail9@proxy:3128",
        "FINETUNE_LORA_R=s3cr3tpart",
        "FINETUNE_MODEL_BASE=https://user:pa/ss0word@host/base",
        "FINETUNE_DATA_SOURCES=https://b.example/rows.jsonl?X-Amz-Signature=0123456789SIGN",
    )
    file.write_text("\n".join(lines), "utf-8")
    assert command({}, *words.split(), "--env-file", str(file)) == 64
    said = capsys.readouterr().err
    assert "5 settings are wrong" in said
    assert not re.findall("plain-secret|s3cr3t|tail9|ss0word|SIGN", said)


@pytest.mark.parametrize("word", ["run", "plan"])
def test_what_a_library_would_fail_on_is_told_before(
    word: str,
    command: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "out"), "FINETUNE_MODEL_BASE": "owner/base"}
    words = (word, "--env-file", "env/quickstart.env")
    assert command({**variables, "SSL_CERT_FILE": str(tmp_path / "no.pem")}, *words) == 64
    assert "SSL_CERT_FILE: no certificates can be read from" in capsys.readouterr().err
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert command(variables, *words) == 68
    assert "The folder that this command was started in does not exist any more" in capsys.readouterr().err
    assert (tmp_path / "out" / "metrics.json").exists() == (word == "run")


def test_a_manifest_is_made_from_an_env_file(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert command({"FINETUNE_DATA_SOURCES": "quickstart"}, "manifest", "docker", "--image", IMAGE) == 64
    output = capsys.readouterr()
    assert output.out == ""
    assert "error: stage=manifest   --env-file FILE: missing; a manifest needs an env file\n" in output.err


def test_a_manifest_that_finds_no_room_is_73_and_one_that_nobody_reads_is_no_failure(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for opened, code in (("/dev/full", 73), (writing, 0)):
        with open(opened, "w") as stream:  # noqa: PTH123 (a number too)
            monkeypatch.setattr(sys, "stdout", stream)
            assert command({}, "manifest", "docker", "--image", IMAGE, "--env-file", "env/quickstart.env") == code
    assert "error: stage=manifest error=DiskFull: The disk is full" in capsys.readouterr().err


def test_a_plan_knows_where_each_value_came_from_and_hides_the_token(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Around the lines, which need the base model's shapes; test_plan.py has the whole."""
    token = "a-token-of-no-known-shape"

    def lines(facts: Facts) -> Iterator[str]:
        origin = facts.origin
        assert (facts.settings.lora.r, facts.token) == (8, token)
        assert (facts.named_card, facts.price) == (CARDS[1], 0.8)
        assert origin.pop("FINETUNE_LORA_R") == "environment"
        assert set(origin.values()) == {"env/quickstart.env"}
        assert "FINETUNE_DATA_BRANDS" in origin
        assert "FINETUNE_HUB_REPO_ID" not in origin  # set, but empty
        assert all(name.startswith("FINETUNE_") for name in origin)
        assert (os.environ["HF_HUB_OFFLINE"], os.environ["HF_HUB_DISABLE_PROGRESS_BARS"]) == ("1", "1")
        yield f"token {facts.token}"

    monkeypatch.setattr(redaction, "_known", set())
    monkeypatch.setattr("job.plan.sections.lines", lines)
    variables = {"FINETUNE_LORA_R": "8", "FINETUNE_HUB_REPO_ID": "", "HF_TOKEN": token}
    assert command(variables, "plan", "--env-file", "env/quickstart.env", "--gpu", "l4", "--price", "0.8") == 0
    assert capsys.readouterr().out == "token **********\n"


# --- the folder to work in --------------------------------------------------------------------------------------------


def test_a_command_works_in_the_folder_that_is_named(
    command: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Relative names of the env file, and the env file itself, are looked up there."""
    monkeypatch.chdir("/")  # put back at the end
    (tmp_path / "rows.jsonl").write_text("{}\n", "utf-8")
    (tmp_path / "my.env").write_text("FINETUNE_DATA_SOURCES=rows.jsonl\n", "utf-8")
    words = "manifest", "docker", "--image", IMAGE, "--env-file", "my.env"
    assert command({}, *words) == 64
    assert command({}, "--directory", str(tmp_path), *words) == 0
    assert "FINETUNE_DATA_SOURCES=rows.jsonl" in capsys.readouterr().out


def test_a_folder_that_is_not_there_exits_64(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    variables = {"FINETUNE_OUTPUT_DIR": str(tmp_path / "output")}
    assert command(variables, "--directory", str(tmp_path / "lora-my-files"), "plan") == 64
    assert list(tmp_path.iterdir()) == [], "a plan writes nothing"
    assert command(variables, "--directory", str(tmp_path / "lora-my-files")) == 64
    output = capsys.readouterr()
    said = output.out + output.err
    assert (
        f"--directory {tmp_path}/lora-my-files: No such file or directory; were the run's files brought there?" in said
    )
    assert json.loads((tmp_path / "output" / "metrics.json").read_text("utf-8"))["exit_code"] == 64
    assert Path.cwd() == here

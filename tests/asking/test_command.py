"""The command `ask`: what it prints, what it reads, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job.asking import command as asking
from job.asking.command import Request
from job.asking.screen import Below, Columns
from job.hosts import main_memory
from tests.conftest import PROJECT, clean_environment

Run = tuple[Path, dict[str, str]]
Command = Callable[..., int]


class Stdin(io.StringIO):
    def __init__(self, text: str, *, terminal: bool = False) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_a_question_is_answered_by_both(asked_run: Run, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    folder, said = asked_run
    question, text = next(iter(said.items()))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert command({}, "ask", "--output", str(folder), question) == 0
    out = capsys.readouterr().out
    assert out.startswith("\nbase:\n") and out.endswith(f"\n\ntuned:\n{text}\n")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_lines_become_one_object_each_and_nothing_else(
    asked_run: Run, command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = asked_run
    (first, text), (second, other), *_ = said.items()
    monkeypatch.setattr(sys, "stdin", Stdin(f"{first}\n\n{'lamp ' * 600}\n{second}"))
    assert command({"FINETUNE_OUTPUT_DIR": str(folder)}, "ask", "--json", "--only", "tuned") == 64
    captured = capsys.readouterr()
    one, long, two = map(json.loads, captured.out.splitlines())
    assert one == {"question": first, "tuned": text, "tuned_stopped": one["tuned_stopped"]}
    assert (two["question"], two["tuned"]) == (second, other), "the next question is answered all the same"
    assert "the model has 512 positions" in long["error"] and "512 positions" in captured.err


@pytest.mark.light
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["  "], "question: it is empty"),
        (["Caf\udce9?"], "question: it is not UTF-8 text"),
        (["--adapter", "./output", "Why?"], "--adapter: must be OWNER/NAME on the Hub, not './output'"),
        (["--adapter", "a/b", "--output", "output", "Why?"], "--output, --adapter: name one of them"),
        (["--output", "/nowhere", "Why?"], "/nowhere holds no run (there is no folder)"),
        (["--only", "both", "Why?"], "there is no 'both'; there are base and tuned"),
        (["--only", "tune", "Why?"], "there is no 'tune'; did you mean tuned?"),
        (["--jsn", "Why?"], "there is no option --jsn; did you mean --json?"),
    ],
)
def test_a_wrong_command_line_is_64(
    arguments: list[str], said: str, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        code = command({}, "ask", *arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 64
    captured = capfd.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.light
@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("FINETUNE_OUTPUT_DIRECTORY", "there is no such variable; did you mean FINETUNE_OUTPUT_DIR?"),
        ("finetune_output_dir", "write the name in capitals"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT: "),
        ("HTTPS_PROXY", "HTTPS_PROXY: "),
    ],
)
def test_a_wrong_variable_is_64_as_for_a_run(
    variable: str, said: str, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before, a misspelt one was passed over, and the Hub's client ended with a traceback."""
    assert command({variable: "foo:bar:baz"}, "ask", "--adapter", "a/b", "Why?") == 64
    assert said in capfd.readouterr().err


@pytest.mark.light
def test_no_question_at_all_is_64_before_anything_is_loaded(
    command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin("\n  \n"))
    assert command({}, "ask", "--output", "/nowhere") == 64
    assert "question: there is none; write it behind" in capfd.readouterr().err


@pytest.mark.light
def test_memory_too_small_for_the_libraries_is_told_before_they_are_loaded(
    small_folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before, the kernel killed the command as it imported them, without a word."""
    monkeypatch.setattr(main_memory, "main_memory_bytes", lambda: 300_000_000)
    monkeypatch.setattr(asking, "_models", lambda *_, **__: nullcontext(fake_session()))
    assert command({}, "ask", "--output", str(small_folder), "Why?") == 68
    captured = capfd.readouterr()
    assert "0.3 GB of main memory are free; loading PyTorch needs about 0.5 GB." in captured.err
    assert captured.out == ""


@pytest.mark.light
def test_lines_of_other_encodings_are_questions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfWhy?\n\nCaf\xe9?"), encoding="ascii"))
    assert list(asking._questions()) == ["Why?", "Caf\ufffd?"]


# --- on a terminal ---------------------------------------------------------------------------------------------------


def fake_session(*steps: Callable[[], None]) -> Any:
    """Instead of models: says the question back, after the steps."""
    left = list(steps)

    def answer(question: str, show: Any) -> dict[str, Any]:
        show("tuned", question[:3], False)
        if left:
            left.pop(0)()
        return {"tuned": SimpleNamespace(text=question.upper(), stopped=len(question) < 9, tokens=9)}

    return SimpleNamespace(answer=answer, stack=None)


@pytest.mark.light
def test_a_question_needs_no_quotes_and_a_file_may_name_the_run(
    small_folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "_models", lambda *_, **__: nullcontext(fake_session()))
    file = small_folder.parent / "my.env"
    file.write_text(f"FINETUNE_OUTPUT_DIR={small_folder}\nHF_HUB_OFFLINE=1\n", "utf-8")
    assert command({}, "ask", "--env-file", str(file), "--json", "why", "so", "yellow?") == 0
    assert json.loads(capsys.readouterr().out)["question"] == "why so yellow?"
    assert os.environ["HF_HUB_OFFLINE"] == "1", "as the Hub's client reads it"


@pytest.mark.light
def test_a_talk_ends_with_the_input_and_ctrl_c_ends_an_answer_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin("first\n\nsecond\na long question\n", terminal=True))
    before = signal.getsignal(signal.SIGINT)
    session = fake_session(lambda: signal.raise_signal(signal.SIGINT))
    assert asking._talk(session, Request(None, None, "", "tuned", False)) == 0
    captured = capsys.readouterr()
    assert captured.out == "firsecond\n".replace("second", "sec\nSECOND") + "a l\nA LONG QUESTION\n"
    assert "Ctrl-D ends" in captured.err and "(tuned: cut at the 9 tokens of the run's limit)" in captured.err
    assert captured.err.count("cut at") == 1
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.light
def test_a_terminal_of_another_encoding_ends_no_talk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Caf\xe9?\nWhy?\n"), encoding="utf-8"))
    assert asking._talk(fake_session(), Request(None, None, "", "tuned", False)) == 0
    assert capsys.readouterr().out.endswith("CAF\ufffd?\nWhy\nWHY?\n")


@pytest.mark.light
def test_columns_need_a_wide_terminal_and_answers_that_grow_together(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("Why?", None, "", "", False)
    monkeypatch.setenv("COLUMNS", "120")
    assert isinstance(asking._screen(request, together=True), Below), "no terminal"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert isinstance(asking._screen(request, together=True), Columns)
    assert isinstance(asking._screen(request, together=False), Below)
    monkeypatch.setenv("COLUMNS", "80")
    assert isinstance(asking._screen(request, together=True), Below)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(asking._screen(request, together=True), Below)


@pytest.mark.light
def test_a_signal_ends_it_with_75_and_says_that_nothing_changed(
    small_folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    session = fake_session(lambda: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(asking, "_models", lambda *_, **__: nullcontext(session))
    assert command({}, "ask", "--output", str(small_folder), "--only", "tuned", "Why?") == 75
    assert "SIGTERM arrived. Nothing was changed; ask again." in capfd.readouterr().err


@pytest.mark.light
def test_a_token_stands_in_no_answer_and_in_no_error(
    small_folder: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(asking, "_models", lambda *_, **__: nullcontext(fake_session()))
    token = "no-shape-of-the-hub-4711"
    (tmp_path / "token").write_text(token, "utf-8")
    arguments = ("ask", "--output", str(small_folder), "--only", "tuned", "--json", f"Is it {token}?")
    assert command({"HF_TOKEN_PATH": str(tmp_path / "token")}, *arguments) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["question"] == "Is it **********?"
    assert token not in captured.err


@pytest.mark.light
def test_a_reader_that_has_seen_enough_is_no_failure(small_folder: Path) -> None:
    code = (
        "import sys, contextlib\nfrom job import cli\nfrom job.asking import command\n"
        "from tests.asking.test_command import fake_session\n"
        "command._models = lambda *_, **__: contextlib.nullcontext(fake_session())\n"
        f"sys.exit(cli.main(['ask', '--output', {str(small_folder)!r}, '--only', 'tuned', '--json', 'Why?']))"
    )
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=clean_environment({}),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")

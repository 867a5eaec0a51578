"""A template that does not end is stopped, and somebody else's timer goes on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from job.errors import SettingsError
from job.modeling import chat as chats
from job.modeling.chat import Chat
from job.modeling.template import prepare_template
from tests.conftest import metrics_of, small_run
from tests.modeling.chats import LOOP, raw_tokenizer, tokenizer_of
from tests.templates import CHATML


def test_a_template_that_does_not_end_is_stopped(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chats, "RENDER_SECONDS", 0.2)
    tokenizer = raw_tokenizer(replace(CHATML, text=LOOP + CHATML.text), base)
    handler = signal.signal(signal.SIGPROF, lambda *_: None)
    signal.setitimer(signal.ITIMER_PROF, 1000)
    try:
        with pytest.raises(SettingsError, match=r"stopped the chat template after 0\.2 s of computing"):
            prepare_template(tokenizer, "", "the-base")
        left, _interval = signal.setitimer(signal.ITIMER_PROF, 0)
        assert 900 < left < 1000
        assert signal.getsignal(signal.SIGPROF).__name__ == "<lambda>"  # type: ignore[union-attr]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)


def test_in_another_thread_a_template_renders_without_limit(base: Path) -> None:
    found: list[str] = []

    def work() -> None:
        found.append(Chat(tokenizer_of(CHATML, base)).stop_token)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["<|im_end|>"]


@pytest.mark.slow
def test_a_template_that_does_not_end_is_a_wrong_setting_before_rows_are_cleaned(
    command: Callable[..., int], base: Path, rows_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "chat.jinja").write_text(LOOP + CHATML.text, "utf-8")
    output = tmp_path / "output"
    variables = small_run(base, rows_file, output, MODEL_CHAT_TEMPLATE_FILE=str(tmp_path / "chat.jinja"))
    assert command(variables) == 64
    metrics = metrics_of(output)
    assert (metrics["stage"], metrics["error"]["kind"]) == ("check", "SettingsError")
    assert (
        "FINETUNE_MODEL_CHAT_TEMPLATE_FILE: the job stopped the chat template after 1 s" in metrics["error"]["message"]
    )
    assert not list(output.glob("clean*/"))

"""merged/Modelfile: what Ollama needs to know of a model, with the chat template in Go's words.

Ollama renders no Jinja. A template is written only if it can be shown to give the same prompts: the chat template has to put
texts as they are between texts of its own, the same in every turn. Ollama itself writes the begin token that the tokenizer
adds. Ollama's reader of this file leaves out what Go calls unprintable, such as no-break spaces (0.33.0, parser/parser.go).
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from job.errors import SettingsError
from job.exporting.source import Source
from job.modeling.chat import QUESTION, SYSTEM, Chat

QUOTES = '"""'
REASON = "# No TEMPLATE: "


def write_modelfile(source: Source, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    chat, cleaned = Chat(tokenizer), source.cleaned
    template = "{{ .Prompt }}" if cleaned.only_texts else template_of(chat)
    lines = ["# ollama create NAME -f Modelfile", "FROM ."]
    if isinstance(template, Inexpressible):
        lines.append(f"{REASON}{template}")
    else:
        lines.append(f"TEMPLATE {QUOTES}{template}{QUOTES}")
    system = "" if cleaned.only_texts else cleaned.system_prompt
    if system and chat.prompt(system, QUESTION) == chat.prompt(system.strip(), QUESTION):
        system = system.strip()  # as the chat template does; Go's would not
    if QUOTES in system:
        lines.append(f"# No SYSTEM: the system prompt holds {QUOTES}")
    elif lost := _lost(system):
        lines.append(
            f"# No SYSTEM: Ollama would leave out {lost} of the system prompt. Send it with each chat instead."
        )
    elif system:
        lines.append(f"SYSTEM {QUOTES}{system}{QUOTES}")
    stops = dict.fromkeys(filter(None, (chat.stop_token, tokenizer.eos_token)))
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in stops]
    lines += ["PARAMETER temperature 0", f"PARAMETER repeat_penalty {source.repetition_penalty:g}"]
    lines.append(f"PARAMETER num_predict {source.max_new_tokens}")
    (folder / "Modelfile").write_text("\n".join(lines) + "\n", "utf-8")


def no_template(folder: Path) -> str:
    """Why the Modelfile has no template; empty if it has one."""
    lines = (folder / "Modelfile").read_text("utf-8").splitlines()
    return next((line.removeprefix(REASON) for line in lines if line.startswith(REASON)), "")


def _quoted(text: str) -> str:
    return f'"{text}"'


def _lost(text: str) -> str:
    """The characters that Ollama would leave out, by their names."""
    lost = dict.fromkeys(letter for letter in text if not (letter.isprintable() or letter in "\n\r\t"))
    return ", ".join(f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip() for letter in lost)


class Inexpressible(str):
    """Why a chat template cannot be written in Go's words."""


def template_of(chat: Chat) -> str | Inexpressible:
    """Go's template for a chat with or without a system prompt, of any number of turns."""
    try:
        with_system, without = chat.frame(SYSTEM), chat.frame("")
        later = chat.later_frame(SYSTEM), chat.later_frame("")
    except SettingsError:
        return Inexpressible("the chat template does not render a chat without a system prompt")
    if with_system is None or without is None or later[0] is None or later[0] != later[1]:
        return Inexpressible("the chat template changes texts, or writes a turn differently in another place")
    if with_system[1:] != without[1:] or with_system[1] != later[0][2]:
        return Inexpressible("the chat template writes a turn differently in another place")
    if with_system[0].count(SYSTEM) != 1:
        return Inexpressible("the chat template does not write the system prompt as it is")
    before_system, after_system = with_system[0].split(SYSTEM)
    before_answer, between, end = later[0]
    parts = (before_system, after_system, without[0], before_answer, between, end)
    if any(part.endswith("{") or text in part for part in parts for text in ("{{", "}}", QUOTES)):
        return Inexpressible("the chat template writes braces or quotation marks that Go's would read as its own")
    if lost := _lost("".join(parts)):
        return Inexpressible(f"Ollama would leave out {lost} of the chat template")
    begin = chat.text_begin
    if not (before_system.startswith(begin) and without[0].startswith(begin)):
        return Inexpressible(f"Ollama would write {begin} first, as the tokenizer does, and the chat template does not")
    before_system, nothing_before = before_system.removeprefix(begin), without[0].removeprefix(begin)
    return (
        f"{{{{ if .System }}}}{before_system}{{{{ .System }}}}{after_system}{{{{ else }}}}{nothing_before}{{{{ end }}}}"
        '{{ range .Messages }}{{ if eq .Role "user" }}{{ .Content }}'
        f'{end}{{{{ else if eq .Role "assistant" }}}}{before_answer}{{{{ .Content }}}}{between}{{{{ end }}}}{{{{ end }}}}'
    )

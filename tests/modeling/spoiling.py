"""Base models that cannot be trained: ways to spoil the copy of a small Llama, and what a case is.

Each case is refused with its cause, the variable to change and the exit code of README's table, by `plan` and by a run, before
a row is cleaned wherever the config or the files can tell. The cases stand in the test of the module that finds them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
BASE, TEMPLATE_FILE, TARGETS = "FINETUNE_MODEL_BASE", "FINETUNE_MODEL_CHAT_TEMPLATE_FILE", "FINETUNE_LORA_TARGETS"
Spoil = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """`words`: of the message and its remedy, the variable among them."""

    name: str
    spoil: Spoil
    code: int
    words: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    early: bool = True
    """Found before a row is cleaned, and by `plan`."""


def config(**fields: Any) -> Spoil:
    """Other fields in config.json; None takes one out."""

    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        changed = json.loads(path.read_text("utf-8")) | fields
        path.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}), "utf-8")

    return spoil


def only_config(kind: str, *architectures: str, **fields: Any) -> Spoil:
    """The config.json of another model."""
    return content("config.json", json.dumps({"model_type": kind, "architectures": architectures, **fields}))


def content(name: str, text: str | bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode()) and None


def torn(name: str) -> Spoil:
    """The first half of a file, as an interrupted download leaves it."""

    def spoil(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return spoil


def without(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


def renamed(name: str, other: str) -> Spoil:
    return lambda folder: (folder / name).rename(folder / other) and None


def tensors(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Other tensors in the weights."""

    def spoil(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})

    return spoil


def tensor(name: str, change: Callable[[Any], Any]) -> Spoil:
    return tensors(lambda weights: weights.update({name: change(weights[name])}))


def in_two_shards(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS)
    names = sorted(weights)
    where = {}
    for number, part in enumerate((names[:5], names[5:]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(part, file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where}), "utf-8")
    (folder / WEIGHTS).unlink()


def tokenizer(**attributes: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        from transformers import AutoTokenizer

        loaded = AutoTokenizer.from_pretrained(folder)
        for name, value in attributes.items():
            setattr(loaded, name, value)
        loaded.save_pretrained(folder)

    return spoil


def template(text: str) -> Spoil:
    return content("chat_template.jinja", text)


def made_of(kind: str, **fields: Any) -> Spoil:
    """A family that transformers builds as a causal language model, with its weights."""

    def spoil(folder: Path) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        rows = json.loads((folder / "config.json").read_text("utf-8"))["vocab_size"]
        torch.manual_seed(0)
        small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
        made = AutoConfig.for_model(kind, vocab_size=rows, initializer_range=0.2, **small, **fields)
        AutoModelForCausalLM.from_config(made).save_pretrained(folder)

    return spoil


def both(*steps: Spoil) -> Spoil:
    def spoil(folder: Path) -> None:
        for step in steps:
            step(folder)

    return spoil


def nothing(folder: Path) -> None:
    pass


def require_words(case: Case, message: str) -> None:
    assert all(words in message for words in case.words), message
    assert "Traceback" not in message

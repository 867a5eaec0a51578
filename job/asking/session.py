"""The loaded models: one base, which answers with its adapter off and on, both in one batch where the adapter allows it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from job.asking.source import Source
from job.errors import ArgumentError, HostUnfit, MemoryExhausted, NotFound
from job.hosts.checks import driver_of_host, require_driver
from job.hosts.libraries import usable_cpus
from job.hosts.main_memory import main_memory_bytes
from job.modeling.adapter_file import WEIGHTS, lora_tensors
from job.modeling.architecture import Architecture
from job.modeling.base import load_base
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.generation import Answer, answer_of, end_ids, generate
from job.modeling.precision import DTYPES, choose_precision
from job.modeling.room import devices_of, room_bytes
from job.modeling.stacked import Mixed, Stack, stacked
from job.modeling.unpacked import unpacked, unpacked_bytes
from job.modeling.weights import count_weights
from job.trained_base import BASE

log = logging.getLogger("job.ask")
Show = Callable[[str, str, bool], None]
"""Takes the name of a model, its answer so far, and whether that is all of it."""
Enter = Callable[[], AbstractContextManager[Any]]
SLOW_PARAMETERS = 500_000_000
SECONDS_PER_BILLION = 3.3
"""For a token of both models, on one core of a CPU, whose weights are unpacked anew for each token (NF4 layers of 3072 x 8192);
0.55 where memory has room for them unpacked."""


@dataclass
class Session:
    model: PeftModel
    chat: Chat
    source: Source
    models: Mapping[str, Enter]
    """Name -> what makes the one model answer as this one."""
    stack: Stack | None
    apart: ExitStack
    """Ends the stack."""

    def answer(self, question: str, show: Show) -> dict[str, Answer]:
        """Each model's answer. Raises ArgumentError (64) for a question that is too long, MemoryExhausted (62)."""
        prompt = self._prompt(question)
        try:
            return self._answer(prompt, show)
        except torch.OutOfMemoryError as error:
            raise MemoryExhausted(
                f"GPU memory ran out during an answer to a question of {len(prompt):,} tokens: {error}",
                remedy="End other processes on the GPU (nvidia-smi lists them), or ask one model (--only tuned).",
            ) from error

    def _answer(self, prompt: list[int], show: Show) -> dict[str, Answer]:
        names = list(self.models)
        if self.stack:
            try:
                found = self._generate([prompt] * len(names), names, show, entering=self.stack.enter)
                return dict(zip(names, found, strict=True))
            except Mixed:  # in the first forward pass, before anything was shown
                self.apart.close()
                self.stack = None
        answers = {}
        for name, enter in self.models.items():
            with enter():
                (answers[name],) = self._generate([prompt], [name], show)
        return answers

    def _generate(self, prompts: list[list[int]], names: list[str], show: Show, **options: Any) -> list[Answer]:
        return generate(
            self.model,
            self.chat,
            prompts,
            max_new_tokens=self.source.max_new_tokens,
            repetition_penalty=self.source.repetition_penalty,
            showing=partial(_show, show, names, [[] for _ in names], end_ids(self.model, self.chat), self.chat),
            **options,
        )

    def _prompt(self, question: str) -> list[int]:
        """Raises ArgumentError (64) if question and answer do not fit into the model's positions."""
        chat, new = self.chat, self.source.max_new_tokens
        if self.source.only_texts:
            ids: list[int] = chat.tokenizer(chat.text_begin + question, add_special_tokens=False)["input_ids"]
        else:
            ids = chat.prompt_ids(self.source.system, question)
        positions = getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or 2**31
        if len(ids) + new > positions:
            raise ArgumentError(
                [
                    f"question: it has {len(ids):,} tokens with system prompt and chat template, and may have "
                    f"{max(positions - new, 0):,}: the model has {positions:,} positions, of which the answer takes up to "
                    f"{new:,}; shorten it"
                ]
            )
        return ids


def _show(
    show: Show,
    names: list[str],
    said: list[list[int]],
    ends: set[int],
    chat: Chat,
    rows: list[int],
    tokens: list[int],
) -> None:
    for row, token in zip(rows, tokens, strict=True):
        if said[row] and said[row][-1] in ends:
            continue  # padding
        said[row].append(token)
        show(names[row], so_far(said[row], ends, chat), token in ends)


def so_far(ids: list[int], ends: set[int], chat: Chat) -> str:
    """Without half a character at the end, and without a part of what the template itself writes before an answer."""
    text = answer_of(ids, ends, chat).text.rstrip("\ufffd").rstrip()
    return "" if text and chat.opening.strip().startswith(text) else text


@contextmanager
def opened(source: Source, only: str, token: str) -> Iterator[Session]:
    """Raises NotFound (66) for a base that is gone or another one, HostUnfit (68) if the driver is too old or main memory too
    small for it, and what fetching and loading a base raises."""
    architecture = Architecture.of(source.model, token)
    cuda = torch.cuda.is_available()
    if not cuda:
        require_driver(driver_of_host(), torch.version.cuda)
        _require_main_memory(architecture)
    files = fetch_files(source.model, token, weights=True)
    tokenizer = _tokenizer(source)
    precision = precision_here(
        source.precision, architecture.config.model_type, torch.cuda.get_device_capability() if cuda else None
    )
    log.info("stage=ask loading=%s device=%s precision=%s", files.name, "cuda" if cuda else "cpu", precision)
    model = _with_adapter(load_base(files, tokenizer, DTYPES[precision], spread=True), source, files)
    enters: dict[str, Enter] = {"base": model.disable_adapter, "tuned": nullcontext}
    models = {name: enter for name, enter in enters.items() if only in ("", name)}
    with _unpacked_where_it_fits(model), ExitStack() as apart:
        stack = apart.enter_context(stacked(model, list(models.values()))) if len(models) > 1 else None
        yield Session(model, Chat(tokenizer), source, models, stack, apart)


def _require_main_memory(base: Architecture) -> None:
    """Raises HostUnfit (68), or says how slow a large base will be."""
    need, free = base.weight_bytes(width=4), main_memory_bytes()
    if free and need > free:
        raise HostUnfit(
            f"No GPU is visible, and {base.name} needs {need / 1e9:.1f} GB of main memory; {free / 1e9:.1f} GB are free.",
            remedy="Start the container with --gpus all (`nvidia-smi` must work on the host and inside it), or ask on a "
            "machine with more memory.",
        )
    parameters = sum(count.parameters for count in count_weights(base.model))
    if parameters > SLOW_PARAMETERS:
        log.warning(
            "stage=ask device=cpu: no GPU is visible; a token of both models may take %.1f s on the %d CPUs here, an answer of "
            "100 tokens %.0f minutes (docker run --gpus all)",
            *(slow := parameters / 1e9 * SECONDS_PER_BILLION / usable_cpus(), usable_cpus(), slow * 100 / 60),
        )


def precision_here(trained: str, model_type: str, capability: tuple[int, int] | None) -> str:
    """That of training, if this machine has it: a CPU gains nothing from 16 bits, and older GPUs have no bfloat16."""
    if capability is None or not trained or (trained == "bfloat16" and capability < (8, 0)):
        return str(choose_precision("auto", model_type, capability).value)
    return trained


def _tokenizer(source: Source) -> PreTrainedTokenizerBase:
    """That of the adapter, with the chat template of training."""
    try:
        return AutoTokenizer.from_pretrained(source.adapter, trust_remote_code=False)
    except Exception as error:  # for a damaged tokenizer.json the Rust library raises a plain Exception
        raise NotFound(
            f"The tokenizer of the adapter in {source.adapter} does not load: {error}",
            remedy="Name a run or a repository of this job: both bring the tokenizer of training.",
        ) from error


def _with_adapter(base: PreTrainedModel, source: Source, files: BaseFiles) -> PeftModel:
    """Raises NotFound (66) if the adapter does not fit this base: peft itself only warns of layers that get nothing."""
    try:
        model = PeftModel.from_pretrained(base, source.adapter).eval()
        with safe_open(source.adapter / WEIGHTS, "pt") as file:
            stored = {name for name in file.keys() if ".lora_" in name}  # noqa: SIM118
        wanted = {name for name in lora_tensors(model) if ".lora_" in name}
        reason = "" if stored == wanted else "its layers are not those of this model"
    except (ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
    if reason:
        raise NotFound(
            f"The adapter in {source.adapter} belongs to another base model than {files.name}: {reason}.",
            remedy=f"Unset {BASE}, or set it to the base model that the adapter was trained on.",
        )
    model.config.use_cache = True
    return model


def _unpacked_where_it_fits(model: PeftModel) -> AbstractContextManager[bool]:
    """As the probe computes: sooner, and rounded in the same way. Half of the room stays free for keys, values and logits."""
    return unpacked(model) if 0 < unpacked_bytes(model) <= room_bytes(*devices_of(model)) // 2 else nullcontext(False)

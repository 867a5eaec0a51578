"""The models that the probe asks: one base in memory, its adapter off, or on with the tensors of one of training's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from job.modeling.adapter_file import load_lora_tensors
from job.modeling.base import load_base
from job.modeling.files import BaseFiles

Models = Mapping[str, Callable[[], AbstractContextManager[Any]]]
"""Name -> what makes the one model answer as this one: `{"base": tuned.disable_adapter, "tuned": nullcontext}`."""
BASE, TUNED = "base", "tuned"


class Tuned:
    """`model`: the base with an adapter."""

    def __init__(self, model: PeftModel) -> None:
        self.model = model
        self._carried: Path | None = None

    @classmethod
    def load(cls, files: BaseFiles, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype, adapter: Path) -> Tuned:
        """`adapter`: a folder. A base that one card does not hold is spread over all that this process sees."""
        base = load_base(files, tokenizer, dtype, spread=True)
        model = PeftModel.from_pretrained(base, adapter).eval()
        model.config.use_cache = True
        return cls(model)

    def carry(self, path: Path) -> None:
        """From now on the tensors of another adapter of the same training."""
        if path != self._carried:
            load_lora_tensors(self.model, path)
            self._carried = path

    def models(self, adapters: Mapping[str, Path]) -> Models:
        """The base, and these adapters by their names."""
        return {BASE: self.model.disable_adapter} | {
            name: partial(self._carrying, path) for name, path in adapters.items()
        }

    @contextmanager
    def _carrying(self, path: Path) -> Iterator[None]:
        self.carry(path)
        yield

"""The files of a base model: fetched, listed, and checked to be whole before their weights are loaded."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, constants, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import CachedRepoTreeNotFoundError
from huggingface_hub.hf_api import RepoFile
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig

from job.errors import HubUnavailable
from job.hosts.hub import ask
from job.modeling.architecture import Architecture
from job.modeling.config import load_config
from job.modeling.refusals import damaged_weights, quantized_already
from job.settings.fields import ModelSettings

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
NO_WEIGHTS = f"there is neither {WHOLE} nor {INDEX}, and the job reads no other format, such as pytorch_model.bin"
FLOATS = ("F16", "BF16", "F32", "F64")
VARIABLES = "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION"
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


@dataclass(frozen=True)
class BaseFiles:
    """A base model on disk. `name` is the name under which users load it, `revision` its commit (empty for a folder)."""

    folder: Path
    name: str
    revision: str

    @property
    def config(self) -> PreTrainedConfig:
        """Raises what `load_config` raises."""
        return load_config(self.folder, self.name)


def fetch_files(model: ModelSettings, token: str, *, weights: bool) -> BaseFiles:
    """The folder of the base model, downloaded where it is on the Hub.

    Raises NotFound (66), AccessDenied (67), HubUnavailable (76).
    """
    if model.is_local:
        return BaseFiles(Path(model.location), model.location, "")
    patterns = FILES if weights else [pattern for pattern in FILES if pattern != "*.safetensors"]

    def download() -> str:
        folder = snapshot_download(
            model.base,
            revision=model.revision,
            token=token or False,
            allow_patterns=patterns,
            ignore_patterns=["original/*"],  # Llama repositories hold a second copy of the weights there
        )
        if not constants.is_offline_mode():
            _require_listing(model, token)
        return folder

    folder = ask(download, f"base model {model.base} at {model.revision}", VARIABLES, token=token)
    return BaseFiles(Path(folder), model.base, Path(folder).name)


def _require_listing(model: ModelSettings, token: str) -> None:
    """Raise the Hub's failure that `snapshot_download` keeps to itself: without a listing it takes what the cache holds for
    all there is, be it the config alone (huggingface_hub 2.4.0)."""
    try:
        get_cached_repo_tree(model.base, revision=model.revision)
    except CachedRepoTreeNotFoundError:
        list(HfApi(token=token or False).list_repo_tree(model.base, revision=model.revision))
        raise HubUnavailable(f"The files of the base model {model.base} could not be listed.") from None


def listed_weights(model: ModelSettings, token: str) -> dict[str, int]:
    """Path -> bytes of the safetensors files of a base on the Hub; empty if HF_HUB_OFFLINE forbids the lookup.

    Raises NotFound (66) if there are none that transformers would load, and the errors for failures of the Hub (66, 67, 76).
    """
    if constants.is_offline_mode():
        return {}

    def listing() -> dict[str, int]:
        entries = HfApi(token=token or False).list_repo_tree(model.base, revision=model.revision, recursive=True)
        return {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}

    sizes = ask(listing, f"base model {model.base} at {model.revision}", VARIABLES, token=token)
    if not {WHOLE, INDEX} & set(sizes):
        raise damaged_weights(model.base, NO_WEIGHTS)
    return {
        path: size for path, size in sizes.items() if path.endswith(".safetensors") and not path.startswith("original/")
    }


def weight_files(folder: Path) -> list[Path]:
    """Those from which transformers reads a base. Raises what reading the index raises."""
    if (folder / WHOLE).exists():  # transformers looks for it first
        return [folder / WHOLE]
    listed = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()
    return sorted({folder / str(part) for part in listed})


def stored_tensors(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a base on disk, on the meta device: names and shapes, from the headers of its safetensors files alone.

    Raises NotFound (66) if a file is missing or shorter than its header says, SettingsError (64) for quantized weights.
    """
    tensors = {}
    try:
        for part in weight_files(folder):
            with safe_open(part, "pt") as file:
                for key in file.keys():  # noqa: SIM118
                    stored = file.get_slice(key)
                    if key.endswith("weight") and stored.get_dtype() not in FLOATS:
                        raise quantized_already(name, f"{key} holds {stored.get_dtype()}")
                    tensors[key] = torch.empty(stored.get_shape(), dtype=torch.float16, device="meta")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        if not (folder / WHOLE).exists() and not (folder / INDEX).exists():
            raise damaged_weights(name, NO_WEIGHTS) from error
        raise damaged_weights(name, f"{type(error).__name__}: {error}") from error
    return tensors


def require_whole(base: Architecture, folder: Path) -> None:
    """Check in milliseconds that a local base has every tensor in the shape that its config says. transformers fills a model on
    the meta device, so its own renaming and merging of tensors counts.

    Raises what `stored_tensors` raises, and NotFound (66).
    """
    tensors = stored_tensors(folder, base.name)
    logging.disable(logging.WARNING)  # transformers' table of missing tensors advises to train them
    try:
        _, loaded = type(base.model).from_pretrained(
            None,
            config=base.model.config,
            state_dict=tensors,
            device_map="meta",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (ValueError, RuntimeError) as error:  # tensors that cannot be merged into one
        raise damaged_weights(base.name, str(error).strip()) from error
    finally:
        logging.disable(logging.NOTSET)
    require_all(loaded, base.name)


def require_all(loaded: dict[str, Any], name: str) -> None:
    """Raises NotFound (66) if tensors are missing: transformers would go on with random numbers in their place."""
    missing = sorted(map(str, loaded["missing_keys"]))
    other = sorted(f"{key} {list(found)} instead of {list(wanted)}" for key, found, wanted in loaded["mismatched_keys"])
    problems = [
        f"{what}: {len(tensors)} ({', '.join(tensors[:3])}{', ...' if tensors[3:] else ''})"
        for what, tensors in (("tensors missing", missing), ("tensors of another shape", other))
        if tensors
    ]
    if problems:
        raise damaged_weights(name, "; ".join(problems))

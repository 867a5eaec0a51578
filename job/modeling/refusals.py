"""Why a base model is refused: one function for each reason that several modules find."""

from __future__ import annotations

from job.errors import HostUnfit, NotFound, SettingsError

DAMAGED_CONFIG = "Check FINETUNE_MODEL_BASE: its config.json is damaged, or belongs to another version of transformers."


def damaged_weights(name: str, what: str) -> NotFound:
    return NotFound(
        f"The weights of the base model {name} cannot be loaded: {what[:1000]}",
        remedy="Check FINETUNE_MODEL_BASE: it needs complete safetensors weights that match its config.json; download the "
        "model again (if it is in the Hub's cache, first remove its folder below HF_HOME).",
    )


def quantized_already(name: str, how: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: {name} is quantized already{f' ({how})' if how else ''}; the job quantizes 16- or 32-bit "
            "weights itself, so set it to the checkpoint from which this one was made"
        ]
    )


def no_causal_model(name: str, named: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: {name} is no causal language model (its config names {named}); choose an instruction-tuned "
            "decoder model"
        ]
    )


def looks_ahead(name: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: {name} is no causal language model: its output for a token depends on later tokens, "
            "as in an encoder such as BERT; choose an instruction-tuned decoder model"
        ]
    )


def not_in_4_bits(name: str, error: Exception) -> SettingsError:
    """For families whose code reads or changes a weight as numbers (RWKV, Gemma 3n)."""
    why = one_line(error)[:300]
    return SettingsError(
        [
            f"FINETUNE_MODEL_BASE: transformers cannot compute {name} with its layers in 4 bits ({why}); choose another model"
        ]
    )


def not_on_several_cards(name: str, error: Exception) -> HostUnfit:
    """For families whose layers take what another layer has left, without a word to accelerate."""
    return HostUnfit(
        f"{name} does not fit one GPU, and transformers cannot compute it with its layers on several "
        f"({one_line(error)[:300]}).",
        remedy="Use a GPU with more memory, or choose another FINETUNE_MODEL_BASE.",
    )


def no_layers_to_share(name: str) -> SettingsError:
    """Only weights in 4 bits are shared among workers."""
    return SettingsError(
        [
            f"FINETUNE_TRAIN_SHARD: {name} has no layers in 4 bits that GPUs could share; set it to auto or none, with which "
            "each holds the whole base"
        ]
    )


def rows_of_two_layers(name: str) -> SettingsError:
    return SettingsError(
        [
            f"FINETUNE_MODEL_SAVE_EMBEDDING: rows needs a base whose head shares the embedding's weights, and {name} has two "
            "layers; set it to full, or set FINETUNE_MODEL_PAD_TOKEN=reserved"
        ]
    )


def one_line(error: BaseException) -> str:
    """Class and message, at most 500 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]

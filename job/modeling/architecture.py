"""What a base model is made of, known from its config.json alone, before any weight is downloaded.

The model is built on PyTorch's meta device, which holds shapes and no numbers (0.3 s for a model of 30 billion parameters).
Its layers are replaced just as loading in 4 bits will replace them. So the job counts which layers get an adapter, how large it
is and what stays unquantized, instead of guessing from model names. The same function counts the loaded model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.quantizers import AutoHfQuantizer

from job.errors import NotFound, SettingsError
from job.hosts.hub import ask
from job.modeling.config import load_config, published_dtype
from job.modeling.layers import decoder_layers, decoder_of
from job.modeling.memory import Adapter, Weights
from job.modeling.nf4 import four_bit_layers, quantization
from job.modeling.refusals import DAMAGED_CONFIG, looks_ahead, no_layers_to_share, one_line, rows_of_two_layers
from job.modeling.targets import adapter_of, targets
from job.modeling.weights import LINEAR, count_weights, packed_bytes
from job.settings.fields import LoraSettings, ModelSettings


@dataclass(frozen=True)
class Architecture:
    """A base model without its weights. `model` is on the meta device, its linear layers as bitsandbytes replaces them."""

    name: str
    config: PreTrainedConfig
    model: PreTrainedModel
    published_width: int
    """Bytes per number in the published weights."""
    new_rows: int = 1
    """Rows that its tokenizer adds to the vocabulary, if known."""

    @classmethod
    def read(cls, folder: Path, name: str) -> Architecture:
        """The architecture in `folder`'s config.json; `name` is what the user calls the model.

        Raises what `load_config` raises, NotFound (66) if no model can be built from it, SettingsError (64) for an encoder.
        """
        config = load_config(folder, name)
        published = published_dtype(config)  # before transformers writes the empty model's into the config
        try:
            model = empty_model(config, torch.float16)
        except ImportError as error:
            why = f"{name} needs a package that is not installed here: {one_line(error)}"
            raise SettingsError([f"FINETUNE_MODEL_BASE: {why}"]) from error
        except Exception as error:  # whatever a model's constructor makes of impossible sizes
            raise NotFound(
                f"No model can be built from the config.json of {name}: {one_line(error)}", remedy=DAMAGED_CONFIG
            ) from error
        if _is_encoder(config, model):
            raise looks_ahead(name)
        if not any(count.parameters for count in count_weights(model) if count.kind in LINEAR):
            raise NotFound(f"The config.json of {name} describes a model without layers.", remedy=DAMAGED_CONFIG)
        return cls(name, config, model, published.itemsize)

    @classmethod
    def of(cls, model: ModelSettings, token: str) -> Architecture:
        """The architecture of the base model that the settings name. From the Hub only its config.json is downloaded.

        Raises what `read` raises, and the errors for failures of the Hub (66, 67, 76).
        """
        if model.is_local:
            return cls.read(Path(model.location), model.location)
        what = f"base model {model.base} at {model.revision}"
        path = ask(
            lambda: hf_hub_download(model.base, "config.json", revision=model.revision, token=token or False),
            what,
            "FINETUNE_MODEL_BASE and FINETUNE_MODEL_REVISION",
            token=token,
        )
        return cls.read(Path(path).parent, model.base)

    @property
    def text_config(self) -> PreTrainedConfig:
        """The language model's part of a config that holds several."""
        return self.config.get_text_config()

    @property
    def tied(self) -> bool:
        head = self.model.get_output_embeddings()
        return head is not None and head.weight is self.model.get_input_embeddings().weight

    def adapter(self, lora: LoraSettings) -> Adapter:
        """Sizes of the adapter. Raises SettingsError (64) for targets that the model lacks."""
        return adapter_of(targets(self.model, lora.targets, self.name), lora.r)

    def embedding_bytes(self, how: str) -> int:
        """Bytes that FINETUNE_MODEL_SAVE_EMBEDDING=`how` saves if the vocabulary is extended: the whole layer (and the head, if
        it is a separate one), the new rows alone, or 0.

        Raises SettingsError (64) for new rows alone where the head has rows of its own.
        """
        if not self.new_rows:
            return 0
        if how == "rows" and not self.tied:
            raise rows_of_two_layers(self.name)
        if how == "none" and self.new_rows > 1:
            raise SettingsError(
                [
                    f"FINETUNE_MODEL_SAVE_EMBEDDING: the tokenizer of {self.name} has {self.new_rows - 1:,} more tokens than "
                    "its embedding has rows; with none their rows are random wherever the adapter is loaded; set it to full"
                ]
            )
        layers = [self.model.get_input_embeddings()] + ([] if self.tied else [self.model.get_output_embeddings()])
        full = sum(len(layer.weight) + self.new_rows for layer in layers)
        rows = {"full": full, "rows": self.new_rows, "none": 0}[how]
        return rows * int(layers[0].weight.shape[1]) * self.published_width

    def weight_bytes(self, width: int) -> int:
        """Bytes on the GPU: 4 bits per weight and a float32 scale for every 64; all other weights take `width` bytes each."""
        return sum(
            packed_bytes(count.parameters) if count.kind == "4-bit linear" else count.parameters * width
            for count in count_weights(self.model)
        )

    def weights(self, width: int) -> Weights:
        """The same, and what workers can share of it. Numbers in 4 bits lie two in a byte."""
        layers = [
            sum(one.in_features * one.out_features for one in four_bit_layers(layer))
            for layer in decoder_layers(self.model)
        ]
        return Weights(self.weight_bytes(width), sum(layers) // 2, max(layers, default=0) // 2)


def require_layers_to_share(base: Architecture, shard: str, workers: int) -> None:
    """Raises SettingsError (64) if the workers must share the base's layers, and none is in 4 bits. `shard`: the setting."""
    if shard == "full" and workers > 1 and not base.weights(2).shared:
        raise no_layers_to_share(base.name)


def empty_model(config: PreTrainedConfig, dtype: torch.dtype, attention: str = "") -> PreTrainedModel:
    """On the meta device, in eval mode, its linear layers as loading in 4 bits will replace them. `attention`: from
    `attention_of`.

    Raises whatever a model's constructor makes of impossible sizes."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            config, dtype=dtype, attn_implementation=attention or None, trust_remote_code=False
        )
    AutoHfQuantizer.from_config(quantization(dtype), pre_quantized=False).preprocess_model(model=model, device_map=None)
    return model.eval()  # as transformers leaves one that it has read; some families have dropout


def _is_encoder(config: PreTrainedConfig, model: PreTrainedModel) -> bool:
    """Whether the config says that attention looks ahead, in families that are built either way. Neither sign is enough:
    GPT-NeoX calls itself no decoder, and BigBird-Pegasus calls its causal attention not causal."""
    causal = {module.is_causal for module in decoder_of(model).modules() if hasattr(module, "is_causal")}
    return getattr(config, "is_decoder", True) is False and causal == {False}

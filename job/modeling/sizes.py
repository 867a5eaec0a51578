"""The sizes of base model and adapter, from config.json and the settings, for `plan` and the checks before a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from job.settings.fields import Settings
from job.settings.files import read_text

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture


@dataclass(frozen=True)
class Sizes:
    """Bytes that the adapter will take, from the shapes in the base model's config."""

    lora_parameters: int
    lora_bytes: int
    embedding_bytes: int
    candidates: int
    """Adapters among which the probe chooses."""
    form_bytes: int = 0
    """Of the forms beside the adapter."""

    @property
    def adapter_bytes(self) -> int:
        return self.lora_bytes + self.embedding_bytes

    @property
    def run_bytes(self) -> int:
        """The most that the output folder holds at once: training's adapter, the chosen one and the copy being written of one
        of them, the candidates and the one being written, three checkpoints (two kept, one being written) of adapter and two
        Adam moments in float32, the other forms of the tuned model, and 50 MB of records."""
        adapters = 3 * self.adapter_bytes + (self.candidates + 1 + 3 * 3) * self.lora_bytes
        return adapters + self.form_bytes + 50_000_000


def sizes(architecture: Architecture, settings: Settings) -> Sizes:
    """Raises SettingsError (64) for LoRA targets that the base model lacks, an embedding that cannot be saved as the settings
    say, and rows or answers that are too long for the model."""
    from job.modeling.lengths import require_lengths
    from job.modeling.weights import count_weights

    require_lengths(architecture, settings.train.max_tokens, settings.probe.max_new_tokens)
    parameters = architecture.adapter(settings.lora).parameters
    added = settings.model.pad_token == "add"
    embedding = architecture.embedding_bytes(settings.model.save_embedding) if added else 0
    forms = parameters * 4 if "lora" in settings.export and embedding else 0
    if "merged" in settings.export:
        forms += 2 * sum(count.parameters for count in count_weights(architecture.model))
    return Sizes(parameters, parameters * 4, embedding, settings.probe.checkpoints, forms)


def architecture_of(settings: Settings, token: str) -> Architecture:
    """The base model on the meta device, for `plan` and the checks before a run. Imports transformers, 4 s.

    Raises every error that a base shows without its weights: SettingsError (64), NotFound (66), AccessDenied (67),
    HubUnavailable (76). If the weights are on this machine, their headers are read too.
    """
    from job.modeling.architecture import Architecture
    from job.modeling.chat import Chat
    from job.modeling.files import fetch_files, listed_weights, require_whole
    from job.modeling.lengths import LONGEST_QUESTION, require_questions
    from job.modeling.tokenizer import load_tokenizer
    from job.modeling.weights import require_quantized

    base = Architecture.of(settings.model, token)
    require_quantized(base.model, base.name, allowed=settings.model.allow_unquantized)
    files = fetch_files(settings.model, token, weights=False)
    if settings.model.is_local:
        require_whole(base, files.folder)
    else:
        listed_weights(settings.model, token)
    tokenizer = load_tokenizer(files, settings.model)
    require_questions(
        Chat(tokenizer),
        base.config,
        settings.probe,
        system=read_text(settings.data.system_prompt_file),
        longest=max(LONGEST_QUESTION, settings.train.max_tokens),
    )
    return replace(base, new_rows=max(0, len(tokenizer) - len(base.model.get_input_embeddings().weight)))


def require_questions_behind(system: str, settings: Settings, token: str) -> None:
    """The questions once more, in prompts with the system prompt that the cleaned rows bring: before training, not after it.
    Raises SettingsError (64)."""
    if not settings.probe.questions_file or not system:
        return
    from job.modeling.chat import Chat
    from job.modeling.files import fetch_files
    from job.modeling.lengths import require_questions
    from job.modeling.tokenizer import load_tokenizer

    files = fetch_files(settings.model, token, weights=False)
    require_questions(Chat(load_tokenizer(files, settings.model)), files.config, settings.probe, system=system)


def width_of(base: Architecture, settings: Settings, capability: tuple[int, int] | None) -> int:
    """Bytes per number in the precision that the run would choose on a GPU of this compute capability."""
    from job.modeling.precision import choose_precision

    return 4 if choose_precision(settings.train.precision, base.config.model_type, capability).value == "float32" else 2

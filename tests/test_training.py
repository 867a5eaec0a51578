"""Training: dtypes, the embedding layer in the adapter, checkpoints that are whole, prompts that are the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from job.cleaning.stage import clean
from job.errors import Diverged, JobError, SettingsError
from job.modeling.architecture import Architecture
from job.modeling.base import load_base
from job.modeling.chat import Chat, Tokens
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.precision import choose_precision
from job.modeling.sizes import sizes
from job.modeling.template import FIXED_DATE, prepare_template
from job.modeling.tokenizer import load_tokenizer
from job.results import Trained
from job.runs.signals import StopRequest
from job.settings.fields import DataSettings, LoraSettings, ModelSettings, Settings, TrainSettings
from job.settings.sources import Source
from job.training import adapter as adapters
from job.training import checkpoints, round_trip
from job.training.adapter import WEIGHTS, attach
from job.training.batching import Row
from job.training.callbacks import Watch, read_log
from job.training.stage import train
from job.training.trainer import Float32AdapterTrainer
from tests.conftest import TEMPLATE, differing_tensors, make_base, make_rows, write_rows

TRAIN = TrainSettings(max_tokens=256, warmup_steps=1, eval_steps=2, log_steps=1, learning_rate=0.01)


def trained(
    root: Path, base: Path, *, model: dict[str, Any] | None = None, train_settings: TrainSettings = TRAIN
) -> Trained:
    """A real training of four steps on real NF4."""
    rows = write_rows(root / "rows.jsonl", make_rows(60))
    data = DataSettings(sources=(Source.parse(str(rows)),), min_answer_words=5, min_rows=2)
    model_settings = ModelSettings(base=str(base), **(model or {}))
    cleaned = clean(data, model_settings, max_tokens=256, loss="answer", seed=42, token="", root=root)
    return train(cleaned, model_settings, LoraSettings(), train_settings, token="", root=root, stop=StopRequest())


@pytest.fixture
def dtypes_seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[torch.dtype]]]:
    """The dtypes of all trainable parameters after construction and when training ends."""
    seen: dict[str, set[torch.dtype]] = {}

    def note(when: str, trainer: Any) -> None:
        seen[when] = {p.dtype for p in trainer.model.parameters() if p.requires_grad}

    real_init, real_train = Float32AdapterTrainer.__init__, Float32AdapterTrainer.train

    def init(self: Any, *arguments: Any, **options: Any) -> None:
        real_init(self, *arguments, **options)
        note("after construction", self)

    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        output = real_train(self, *arguments, **options)
        note("after resume" if options.get("resume_from_checkpoint") else "after training", self)
        return output

    monkeypatch.setattr(Float32AdapterTrainer, "__init__", init)
    monkeypatch.setattr(Float32AdapterTrainer, "train", run)
    yield seen


@pytest.mark.slow
def test_the_adapter_is_float32_from_construction_to_file(
    base: Path, tmp_path: Path, dtypes_seen: dict[str, set[torch.dtype]]
) -> None:
    """TRL casts it to bfloat16, which ends float16 training on a T4."""
    trained(tmp_path, base)
    (tmp_path / "adapter").rename(tmp_path / "first")
    trained(tmp_path, base, train_settings=TRAIN)  # the same folder: resumes from the last checkpoint
    assert dtypes_seen == {
        "after construction": {torch.float32},
        "after training": {torch.float32},
        "after resume": {torch.float32},
    }
    lora = {name: t for name, t in load_file(tmp_path / "adapter" / WEIGHTS).items() if "lora_" in name}
    assert {tensor.dtype for tensor in lora.values()} == {torch.float32}
    assert not differing_tensors(tmp_path / "first" / WEIGHTS, tmp_path / "adapter" / WEIGHTS)


EMBEDDINGS = {
    "full": ["base_model.model.model.embed_tokens.weight"],
    "rows": ["base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"],
    "none": [],
}


@pytest.mark.slow
@pytest.mark.parametrize("how", EMBEDDINGS)
def test_the_embedding_layer_is_saved_once_in_the_base_models_dtype(how: str, base: Path, tmp_path: Path) -> None:
    """And a fresh process loads it by the model card's lines: `train` raises where its logits differ."""
    result = trained(tmp_path, base, model={"save_embedding": how})
    with safe_open(tmp_path / "adapter" / WEIGHTS, "pt") as file:
        extra = {name: file.get_tensor(name) for name in file.keys() if "lora_" not in name}  # noqa: SIM118
    assert list(extra) == EMBEDDINGS[how]
    assert all(tensor.dtype == torch.float16 for tensor in extra.values())  # as the base was published
    assert result.adapter_parts_bytes.get("embedding", 0) == sum(t.nbytes for t in extra.values())
    settings = Settings.model_construct(
        model=ModelSettings(base=str(base), save_embedding=how),
        lora=LoraSettings(),  # type: ignore[arg-type]
    )
    predicted = sizes(Architecture.read(base, "base"), settings)
    assert predicted.adapter_bytes == sum(result.adapter_parts_bytes.values())
    assert not any("embed" in name for name in load_file(next((tmp_path / "train" / "best").glob("*.safetensors"))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "spoil"),
    [("full", "another name"), ("rows", "another new row"), ("full", "another old row")],
    ids=["a name that nothing has", "another new row", "another old row"],
)
def test_an_embedding_that_a_fresh_process_does_not_load_is_found(
    how: str, spoil: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = adapters._embedding_tensors

    def spoilt(*arguments: Any) -> dict[str, torch.Tensor]:
        ((name, rows),) = real(*arguments).items()
        if spoil == "another name":
            return {name.replace("embed_tokens", "embed_in"): rows}
        rows[3 if spoil == "another old row" else -1] *= 1.1
        return {name: rows}

    monkeypatch.setattr(adapters, "_embedding_tensors", spoilt)
    model = ModelSettings(base=str(base), save_embedding=how)  # type: ignore[arg-type]
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    tuned = attach(load_base(files, tokenizer, torch.float32), LoraSettings(), 1, "base")
    adapters.save(tuned, tokenizer, files, tmp_path / "adapter", new_rows=1, save_embedding=how)
    proof = {"dtype": "float32", "new_rows": 1, "save_embedding": how, "pad_token": tokenizer.pad_token_id}
    with pytest.raises(JobError, match=r"embedding layer is not what a fresh process loads|answers differently"):
        round_trip.check(tuned, [[5, 6, 7]], files, tmp_path / "adapter", **proof)


@pytest.mark.slow
def test_an_untied_head_is_saved_too(untied_base: Path, tmp_path: Path) -> None:
    trained(tmp_path, untied_base)
    names = set(load_file(tmp_path / "adapter" / WEIGHTS))
    assert {name for name in names if "lora_" not in name} == {
        "base_model.model.model.embed_tokens.weight",
        "base_model.model.lm_head.weight",
    }


@pytest.mark.slow
def test_a_reserved_pad_token_changes_no_vocabulary_and_the_log_has_what_a_plot_needs(
    base: Path, tmp_path: Path
) -> None:
    result = trained(tmp_path, base, model={"pad_token": "reserved"})
    assert result.pad_token == "<|finetune_right_pad_id|>"
    assert list(result.adapter_parts_bytes) == ["lora"]
    assert result.vocabulary_rows == json.loads((base / "config.json").read_text("utf-8"))["vocab_size"]
    entries = read_log(tmp_path / "train" / "log.jsonl")
    assert [entry.step for entry in entries if entry.loss is not None] == [1, 2, 3, 4]
    assert [entry.step for entry in entries if entry.eval_loss is not None] == [0, 2, 4]
    assert entries[0].eval_loss == result.base_eval_loss
    assert all(entry.tokens_per_second for entry in entries if entry.loss is not None)
    watch = Watch(tmp_path / "train", worst_loss=9.0, stop=StopRequest())
    assert watch.best() == (result.best_eval_loss, result.best_step)


def test_sizes_for_llama_3b_are_those_of_the_real_shapes(llama_3b: Architecture) -> None:
    expected = {"full": 824_711_168, "rows": 36_706_304, "none": 36_700_160}
    for how, size in expected.items():
        settings = Settings.model_construct(
            model=ModelSettings(base="meta-llama/Llama-3.2-3B-Instruct", save_embedding=how),  # type: ignore[arg-type]
            lora=LoraSettings(),
        )
        found = sizes(llama_3b, settings)
        assert found.lora_parameters == 9_175_040
        assert found.adapter_bytes == size


def test_a_target_that_the_model_lacks_is_named(base: Path) -> None:
    files = BaseFiles(base, str(base), "")
    model = load_base(files, load_tokenizer(files, ModelSettings(base=str(base))), torch.float32)
    with pytest.raises(SettingsError, match=r"no layer qkv_proj; it has .*q_proj"):
        attach(model, LoraSettings(targets=("qkv_proj",)), 1, "base")


def test_the_base_is_nf4_and_frozen_and_no_float32_copy_is_made(base: Path) -> None:
    files = BaseFiles(base, str(base), "")
    model = load_base(files, load_tokenizer(files, ModelSettings(base=str(base))), torch.bfloat16)
    layer = model.model.layers[0].self_attn.q_proj
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.weight.quant_state.nested
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.get_input_embeddings().weight.dtype == model.model.norm.weight.dtype == torch.bfloat16


def test_the_prompt_of_training_is_the_prompt_of_the_probe(base: Path) -> None:
    model = ModelSettings(base=str(base))
    chat = Chat(load_tokenizer(fetch_files(model, "", weights=False), model))
    row = {"system": "You repair things.", "question": "My lamp is broken.", "answer": "Replace it."}
    tokens = chat.rows([row])[0]
    assert tokens.ids[: tokens.prompt_length] == chat.prompt_ids(row["system"], row["question"])
    assert chat.tokenizer.decode(tokens.ids[tokens.prompt_length :]) == "Replace it.<|eot_id|>"


def tokenizer_with(template: str | None, base: Path) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = template
    return tokenizer


def test_the_date_in_a_template_does_not_depend_on_the_day(base: Path) -> None:
    dated = "{{ strftime_now('%d %b %Y') }} " + TEMPLATE
    tokenizer = tokenizer_with(dated, base)
    prepare_template(tokenizer, "", "base")
    assert Chat(tokenizer).prompt("", "Q").startswith(FIXED_DATE)
    prepare_template(tokenizer, "", "base")  # the saved template is the pinned one
    assert tokenizer.chat_template.count("macro strftime_now") == 1


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (None, "has no chat template"),
        ("{{ nothing.at.all }}", "does not render"),
        ("{{ messages | length }}", "renders an answered question differently"),
        ("{% for m in messages %}{{ m['role'] }}{% endfor %}", "leaves out the assistant's answer"),
    ],
)
def test_a_template_that_cannot_be_trained_on_is_a_settings_error(template: str | None, told: str, base: Path) -> None:
    with pytest.raises(SettingsError, match=told):
        prepare_template(tokenizer_with(template, base), "", "base")


def test_a_base_without_template_takes_one_from_a_file(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base", template=None)
    model = ModelSettings(base=str(folder))
    with pytest.raises(SettingsError, match="FINETUNE_MODEL_CHAT_TEMPLATE_FILE"):
        load_tokenizer(fetch_files(model, "", weights=False), model)
    (tmp_path / "chat.jinja").write_text(TEMPLATE, "utf-8")
    given = ModelSettings(base=str(folder), chat_template_file=str(tmp_path / "chat.jinja"))
    assert load_tokenizer(fetch_files(given, "", weights=False), given).chat_template == TEMPLATE


@pytest.mark.parametrize(
    ("capability", "value"), [((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16"), (None, "float32")]
)
def test_precision_follows_compute_capability(capability: tuple[int, int] | None, value: str) -> None:
    assert choose_precision("auto", "llama", capability).value == value


def test_the_loss_is_on_the_answer_or_on_the_whole_text() -> None:
    row = Tokens([5, 6, 7, 8], prompt_length=3)
    assert Row.of(row, "answer").skip == 3
    assert Row.of(row, "answer").targets == 1
    assert Row.of(row, "text").targets == 3  # nothing comes before the first token


def test_only_whole_checkpoints_are_resumed_from(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(b"weights %d" % step)
        (folder / "optimizer.pt").write_bytes(b"moments")
        if step < 15:
            checkpoints.seal(folder)
    (tmp_path / "checkpoint-10" / "adapter_model.safetensors").write_bytes(b"flipped!!!")
    assert checkpoints.newest_whole(tmp_path) == tmp_path / "checkpoint-5"
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint-5",
        "broken-checkpoint-10",
        "broken-checkpoint-15",
    }
    (tmp_path / "checkpoint-5" / "optimizer.pt").unlink()
    assert checkpoints.newest_whole(tmp_path) is None


def test_a_log_with_a_torn_last_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 2.5, "seconds": 1}\n{"step": 2, "lo', "utf-8")
    assert [entry.step for entry in read_log(path)] == [1]


def test_a_base_that_is_worse_than_chance_is_named_before_training(tmp_path: Path) -> None:
    """At step 0 no learning rate is to blame."""
    watch = Watch(tmp_path, worst_loss=9.0, stop=StopRequest())
    with pytest.raises(Diverged) as raised:
        watch._check(9.5, 0, "eval_loss")
    assert "before any training" in str(raised.value)
    assert "FINETUNE_MODEL_BASE" in raised.value.remedy
    with pytest.raises(Diverged) as raised:
        watch._check(9.5, 3, "eval_loss")
    assert "FINETUNE_TRAIN_LEARNING_RATE" in raised.value.remedy

"""Base models that cannot be trained: each is refused with its cause, the variable to change and the exit code of README's
table, by `plan` and by a run, before a row is cleaned wherever the config or the files can tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WRITE_TOKEN, metrics_of, small_run
from tests.standin_hub import StandInHub

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
BASE, TEMPLATE, TARGETS = "FINETUNE_MODEL_BASE", "FINETUNE_MODEL_CHAT_TEMPLATE_FILE", "FINETUNE_LORA_TARGETS"
Spoil = Callable[[Path], None]


# --- ways to spoil the copy of a small Llama -------------------------------------------------------------------------


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


# --- the cases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """`told`: words of the message and its remedy, the variable among them."""

    name: str
    spoil: Spoil
    code: int
    told: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    early: bool = True
    """Found before a row is cleaned, and by `plan`."""


CHAT = "{% for m in messages %}<|start_header_id|>{{ m['content'] }}"
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
GATE = "model.layers.0.mlp.gate_proj.weight"
NAMES = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"

CASES = (
    # config.json as a file
    Case("config torn", torn("config.json"), 66, (BASE, "cannot be read as a model's config", "damaged")),
    Case("config empty", content("config.json", ""), 66, (BASE, "cannot be read as a model's config")),
    Case("config a list", content("config.json", "[]"), 66, (BASE, "it holds a list")),
    Case("config not UTF-8", content("config.json", b'{"model_type": "\xff"}'), 66, (BASE, "can't decode byte")),
    Case("config nested without end", content("config.json", "[" * 100_000), 66, (BASE, "recursion")),
    Case("config without a model", content("config.json", "{}"), 66, (BASE, "names no model_type")),
    # what it says
    Case("unknown type", config(model_type="llama9"), 64, (BASE, "knows no model type 'llama9'")),
    Case("type is a list", config(model_type=["llama"]), 64, (BASE, "knows no model type")),
    Case(
        "remote code only",
        config(model_type="mine", architectures=["MineForCausalLM"], auto_map={"AutoModelForCausalLM": "m.Mine"}),
        64,
        (BASE, "needs code from its own repository, which is never run"),
    ),
    Case("text_config a list", config(text_config=[1]), 66, (BASE,)),
    Case("no channels", config(hidden_size=0), 66, (BASE, "config.json", "without layers")),
    Case("no layers", config(num_hidden_layers=0), 66, (BASE, "config.json", "without layers")),
    Case("channels below zero", config(hidden_size=-64), 66, (BASE, "negative dimension -64")),
    Case("a size in words", config(num_hidden_layers="two"), 66, (BASE, "'num_hidden_layers' expected int, got str")),
    Case("heads that do not divide", config(num_attention_heads=5), 66, (BASE, "not a multiple", "(5)")),
    Case("keys that do not divide", config(num_key_value_heads=3), 66, (BASE, "[32, 64] instead of [48, 64]")),
    # other models than decoders
    Case("encoder", only_config("bert", "BertForMaskedLM"), 64, (BASE, "no causal language model", "BertForMaskedLM")),
    Case("encoder with a head", only_config("bert", "BertLMHeadModel"), 64, (BASE, "depends on tokens behind it")),
    Case("encoder without a name", only_config("roberta"), 64, (BASE, "depends on tokens behind it")),
    Case("encoder by its answers", made_of("megatron-bert"), 64, (BASE, "depends on tokens behind it"), early=False),
    Case(
        "weights that its own code rescales",
        made_of("rwkv", attention_hidden_size=64),
        64,
        (BASE, "with its layers in 4 bits", "choose another model"),
        {"LORA_TARGETS": "key,value"},
        early=False,
    ),
    Case("translation", only_config("t5", "T5ForConditionalGeneration"), 64, (BASE, "no causal language model")),
    Case("speech", only_config("whisper", "WhisperForConditionalGeneration"), 64, (BASE, "no causal language model")),
    Case("images", only_config("vit", "ViTForImageClassification"), 64, (BASE, "ViTForImageClassification")),
    Case("images and captions", only_config("clip", "CLIPModel"), 64, (BASE, "names CLIPModel")),
    Case(
        "vision and language",
        only_config("llava", "LlavaForConditionalGeneration", text_config={"model_type": "llama"}),
        64,
        (BASE, "no causal language model", "LlavaForConditionalGeneration"),
    ),
    Case("vision", only_config("qwen2_vl", "Qwen2VLForConditionalGeneration"), 64, (BASE, "no causal language model")),
    Case("classifier", config(architectures=["LlamaForSequenceClassification"]), 64, (BASE, "SequenceClassification")),
    Case("no head", config(architectures=["LlamaModel"]), 64, (BASE, "no causal language model", "LlamaModel")),
    # quantized already
    Case("fp8", config(quantization_config={"quant_method": "fp8"}), 64, (BASE, "quantized already (fp8)")),
    Case("GPTQ", config(quantization_config={"quant_method": "gptq"}), 64, (BASE, "quantized already (gptq)")),
    Case(
        "4 bits of bitsandbytes",
        config(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        64,
        (BASE, "quantized already (bitsandbytes)", "the checkpoint that this one was made from"),
    ),
    Case(
        "quantized in its text part",
        config(text_config={"quantization_config": {"quant_method": "awq"}}),
        64,
        (BASE, "quantized already (awq)"),
    ),
    Case("bytes for weights", tensor(GATE, lambda old: old.char()), 64, (BASE, f"quantized already ({GATE} holds I8)")),
    # weights
    Case("weights torn", torn(WEIGHTS), 66, (BASE, "weights", "download the model again")),
    Case("weights are a pointer", content(WEIGHTS, "version https://git-lfs"), 66, (BASE, "header too large")),
    Case("no weights", without(WEIGHTS), 66, (BASE, f"neither {WEIGHTS} nor {INDEX}")),
    Case("pickled weights", renamed(WEIGHTS, "pytorch_model.bin"), 66, (BASE, "no other format is read")),
    Case("weights of another name", renamed(WEIGHTS, "weights.safetensors"), 66, (BASE, f"neither {WEIGHTS}")),
    Case(
        "a shard missing",
        both(in_two_shards, without("model-00002-of-00002.safetensors")),
        66,
        (BASE, "model-00002-of-00002.safetensors"),
    ),
    Case("index torn", both(in_two_shards, torn(INDEX)), 66, (BASE, "JSONDecodeError")),
    Case("index a list", both(in_two_shards, content(INDEX, "[]")), 66, (BASE, "weights")),
    Case("a tensor missing", tensors(lambda all_: all_.pop(GATE)), 66, (BASE, "tensors missing: 1", GATE)),
    Case(
        "a tensor of another shape",
        tensor(GATE, lambda old: old[:100].clone()),
        66,
        (BASE, f"{GATE} [100, 64] instead of [128, 64]"),
    ),
    Case("another model's config", config(intermediate_size=96), 66, (BASE, "tensors of another shape: 6")),
    Case(
        "weights that are no number",
        tensor("model.norm.weight", lambda old: old * float("nan")),
        63,
        (BASE,),
        early=False,
    ),
    # tokenizer and chat template
    Case("no tokenizer", without("tokenizer.json", "tokenizer_config.json"), 66, (BASE, "no tokenizer that loads")),
    Case("tokenizer torn", torn("tokenizer.json"), 66, (BASE, "no tokenizer that loads")),
    Case("tokenizer's config a list", content("tokenizer_config.json", "[]"), 66, (BASE, "no tokenizer that loads")),
    Case(
        "no end token",
        both(tokenizer(eos_token=None), template("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")),
        64,
        (BASE, "no end token", "would never stop"),
    ),
    Case("no template", without("chat_template.jinja"), 64, (BASE, "has no chat template")),
    Case("a template that raises", template("{{ raise_exception('no!') }}"), 64, (TEMPLATE, "does not render", "no!")),
    Case("a template torn", template(CHAT), 64, (TEMPLATE, "does not render", "endfor")),
    Case("a template that loops", template(LOOP), 64, (TEMPLATE, "stopped after 1 s", "loops")),
    Case(
        "a template without the question",
        template("{% for m in messages if m.role != 'user' %}{{ m.content }}<|eot_id|>{% endfor %}"),
        64,
        (TEMPLATE, "leaves out the user's question"),
    ),
    Case(
        "a template that cuts answers",
        template("{% for m in messages %}{{ m.content[:20] }}{% if m.role == 'assistant' %}<|eot_id|>{% endif %}{% endfor %}"),
        64,
        (TEMPLATE, "leaves out the assistant's answer, or changes its words"),
    ),
    Case("a template without stop token", template(CHAT + "{% endfor %}"), 64, (TEMPLATE, "would never stop")),
    # layers for the adapter
    Case("head", nothing, 64, (TARGETS, "lm_head is the output head, which gets no adapter"), {"LORA_TARGETS": "lm_head"}),
    Case("unknown layer", nothing, 64, (TARGETS, "has no layer qproj", NAMES), {"LORA_TARGETS": "q_proj,qproj"}),
    Case("embedding", nothing, 64, (TARGETS, "has no layer embed_tokens", NAMES), {"LORA_TARGETS": "embed_tokens"}),
    Case(
        "rows longer than rotation bears",
        config(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}, max_position_embeddings=64),
        64,
        ("FINETUNE_TRAIN_MAX_TOKENS: at most 64", "dynamic rotary embedding"),
    ),
    Case("auto and a name", nothing, 64, (TARGETS, "auto and all-linear cannot be combined"), {"LORA_TARGETS": "auto,q_proj"}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_base_is_refused(
    case: Case,
    base: Path,
    rows_file: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    case.spoil(folder)
    output = tmp_path / "output"
    variables = small_run(folder, rows_file, output, DATA_WORKERS="1", **case.settings)
    capfd.readouterr()
    if case.early:
        assert command(variables, "plan") == case.code
        require_told(case, capfd.readouterr().err)
        assert not output.exists()
    assert command(variables) == case.code
    require_told(case, capfd.readouterr().err)
    metrics = metrics_of(output)
    assert (metrics["status"], metrics["exit_code"]) == ("failed", case.code)
    assert bool(list(output.glob("clean*"))) == (not case.early)
    assert not list(output.glob("adapter*"))


def require_told(case: Case, told: str) -> None:
    assert all(words in told for words in case.told), told
    assert "Traceback" not in told


HUB_CASES = (
    Case("quantized", config(quantization_config={"quant_method": "fp8"}), 64, (BASE, "quantized already (fp8)")),
    Case("unknown layer", nothing, 64, (TARGETS, "has no layer qproj"), {"LORA_TARGETS": "qproj"}),
    Case("tokenizer torn", torn("tokenizer.json"), 66, (BASE, "no tokenizer that loads")),
    Case("pickled weights", renamed(WEIGHTS, "pytorch_model.bin"), 66, (BASE, "no other format is read")),
)


@pytest.mark.parametrize("case", HUB_CASES, ids=lambda case: case.name)
def test_a_bad_base_on_the_hub_is_refused_before_any_weights_are_asked_for(
    case: Case,
    base: Path,
    rows_file: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    hub: StandInHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = {"ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": False}
    address = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    for name, value in {**client, "HUGGINGFACE_CO_URL_TEMPLATE": address}.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)  # read from the environment once, when imported
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    case.spoil(folder)
    hub.add_repo("model", "meta/base", {path.name: path.read_bytes() for path in folder.iterdir()})
    output = tmp_path / "output"
    variables = {**small_run(Path("meta/base"), rows_file, output, **case.settings), **hub.environment(WRITE_TOKEN)}
    for verb in ("plan", "run"):
        assert command(variables, verb) == case.code
        require_told(case, capfd.readouterr().err)
    assert metrics_of(output)["exit_code"] == case.code
    assert not list(output.glob("clean*"))
    asked = [path for _, path, _ in hub.requests]
    assert any(path.endswith("/config.json") for path in asked)
    assert not any(path.endswith((".safetensors", ".bin")) for path in asked)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("asked", ["auto", "all-linear", "q_proj"])
def test_the_head_is_never_a_target(asked: str, tied: bool, base: Path, untied_base: Path) -> None:
    from job.modeling.architecture import Architecture
    from job.modeling.targets import peft_names, targets

    model = Architecture.read(base if tied else untied_base, "base").model
    chosen = targets(model, (asked,), "base")
    assert chosen
    assert all(layer is not model.get_output_embeddings() for layer in chosen.values())
    assert "lm_head" not in peft_names(chosen, model)


@pytest.mark.parametrize("kind", ["gemma4_text", "deepseek_v4", "modernbert-decoder"])
def test_an_unusual_decoder_is_planned(kind: str, tmp_path: Path) -> None:
    """Sizes that differ between layers; linear layers that take their input in groups; a head that is called decoder."""
    from transformers import AutoConfig

    from job.modeling.architecture import Architecture
    from job.modeling.layers import linear_layers
    from job.plan import base_lines, memory_line
    from job.settings.fields import LoraSettings, Settings, TrainSettings

    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    read = Architecture.read(tmp_path, kind)
    assert read.adapter(LoraSettings()).parameters > 0
    assert read.model.get_output_embeddings() not in linear_layers(read.model).values()
    settings = Settings.model_construct(lora=LoraSettings(), train=TrainSettings())
    assert any("adapter on" in line for line in base_lines(read, settings))
    assert memory_line(read, settings)

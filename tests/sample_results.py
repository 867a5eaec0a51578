"""Results of a run that never was, as tests of the report, the cards and chat templates need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from job.results import (
    Agreement,
    Candidate,
    Choice,
    Cleaned,
    Estimate,
    Evidence,
    Example,
    Exported,
    ExportedFile,
    Failure,
    Forgetting,
    Form,
    Guardrail,
    Host,
    LogEntry,
    MaskedRow,
    Metrics,
    Probed,
    Pushed,
    PushedRepo,
    RepeatedSentence,
    RoundTrip,
    RowLoss,
    RuleCount,
    Sample,
    Scores,
    Skipped,
    SourceCount,
    TokenCounts,
    Trained,
    TrainedAdapter,
    Verdict,
    WeightCount,
)
from job.settings.fields import DataSettings, HubSettings, ModelSettings, Settings

LOG = [
    LogEntry(step=0, eval_loss=2.31, seconds=0),
    LogEntry(step=10, loss=1.9, seconds=5),
    LogEntry(step=20, loss=1.5, seconds=10),
    LogEntry(step=20, eval_loss=1.42, seconds=11),
]


def metrics(**changes: Any) -> Metrics:
    """What is known of a run that has just begun, with changes."""
    facts: dict[str, Any] = {
        "version": "0.1.0",
        "status": "running",
        "stage": "check",
        "exit_code": None,
        "started_at": "2026-01-01T00:00:00+00:00",
        "updated_at": "2026-01-01T00:01:00+00:00",
        "seconds": 72.0,
        "stage_seconds": {},
        "reused": [],
        "settings": {},
    }
    return Metrics(**(facts | changes))


SETTINGS = {
    "data": {"sources": ["a/b@main:train", "rows.jsonl"], "system_prompt_file": None, "near_duplicates": "keep"},
    "model": {"base": "acme/small-3b"},
    "train": {"max_tokens": 512},
    "hub": {"private": True},
    "output_dir": "output",
}


def rule(seen: int, *, examples: Sequence[tuple[str, str]] = (), **counts: int) -> RuleCount:
    shown = [Example(before=before, after=after) for before, after in examples]
    return RuleCount(
        **({"changed": 0, "dropped": 0, "skipped": 0, "characters_removed": 0} | counts), seen=seen, examples=shown
    )


HOST = Host(
    device="cuda",
    gpu="Tesla T4",
    compute_capability="7.5",
    gpu_bytes=15_640_000_000,
    cpus=4,
    memory_bytes=16_000_000_000,
    disk_free_bytes=60_000_000_000,
    platform="Linux x86_64, Python 3.11.7",
    versions={"torch": "2.11.0"},
)
CLEANED = Cleaned(
    rows_in=12_000,
    train_rows=9_000,
    eval_rows=450,
    dropped={"short_answer": 550, "duplicate": 2_000},
    sources=[
        SourceCount(
            source="a/b@main:train",
            revision="abc123",
            format="a data set on the Hub",
            layout="question/answer",
            rows_in=12_000,
            rows_out=9_450,
            list_rows={"numbered": 945, "bulleted": 189, "flattened": 0},
            packs=["qa-forum", "contacts"],
            evidence=[
                Evidence(pack="qa-forum", rows=912, seen=1_000, least=0.2, on=True, example="Hello"),
                Evidence(pack="wiki", rows=2, seen=1_000, least=0.01, on=False, example="[[moss]]"),
                Evidence(pack="contacts", rows=0, seen=0, least=0.005, on=False, example=""),
            ],
        )
    ],
    rules={
        "empty": rule(12_000, dropped=7),
        "opening": rule(
            11_993,
            changed=5_210,
            skipped=14,
            characters_removed=88_231,
            examples=[("Hi! Water it.", "Water it."), ("Hey, mist it.", "mist it.")],
        ),
        "own:please_vote": rule(11_993, changed=31, characters_removed=620, examples=[("Wait. Vote up!", "Wait.")]),
        "phone": rule(11_993, changed=17, characters_removed=204),
        "own:price_list": rule(11_993, dropped=3),
        "short_answer": rule(11_990, dropped=540),
    },
    rules_sha256="9f2c41d07be8" + "a6" * 26,
    repeated=[
        RepeatedSentence(
            source="a/b@main:train",
            side="answer_end",
            text="See you at the nursery!",
            rows=1_140,
            share=0.11,
            fate="can_be_cut",
        ),
    ],
    near_duplicate_groups=214,
    plain_split_leaked_rows=36,
    plain_split_eval_rows=1_200,
    token_counts=TokenCounts(
        step=32, rows=[5, 1_000, 4_000, 3_445, 1_000, *[0] * 11], rows_above=61, longest_above=1_943, median=101
    ),
    masked_rows=[
        MaskedRow(tokens=["<s>", "How", " often", "?", " Twice", " a", " week", ".", "</s>"], learned=[(4, 9)]),
        MaskedRow(tokens=["<s>", "Why", "?", *[" drip"] * 200, "</s>"], learned=[(3, 204)]),
    ],
    system_prompt="Be brief.",
    system_in_user_turn=False,
    thinking_off=False,
    stop_token="</s>",
    train_tokens=2_000_000,
    answer_tokens=1_000_000,
    longest_tokens=512,
    train_path="clean/train.jsonl",
    eval_path="clean/eval.jsonl",
    dropped_path="clean/dropped.jsonl",
    sha256="0",
)
ROUND_TRIP = RoundTrip(max_difference=0.002, tolerance=0.05)
TRAINED = Trained(
    adapter_path="train/adapter",
    adapter_files=["adapter_config.json", "adapter_model.safetensors"],
    candidates=[
        TrainedAdapter(step=10, eval_loss=1.61, path="train/candidates/adapter-10.safetensors"),
        TrainedAdapter(step=20, eval_loss=1.42, path="train/candidates/adapter-20.safetensors"),
    ],
    log_path="train/log.jsonl",
    base_revision="feedbeef",
    precision=Choice(value="float16", reason="compute capability 7.5 has no bfloat16"),
    attention="",
    steps=20,
    warmup_steps=2,
    epochs=1,
    trainable_parameters=9_000_000,
    total_parameters=3_200_000_000,
    lora_targets=["k_proj", "o_proj", "q_proj", "v_proj"],
    weights=[WeightCount(kind="4-bit linear", dtype="nf4", parameters=2_800_000_000)],
    quantized_share=1.0,
    warnings=[],
    zero_gradients=False,
    base_eval_loss=2.31,
    best_eval_loss=1.42,
    best_step=20,
    final_train_loss=1.5,
    train_seconds=72,
    train_tokens=2_000_000,
    tokens_per_second=1_234,
    resumed_from_step=0,
    dry_run=None,
    overflowed=None,
    skipped_steps=0,
    optimizations=[],
    batch_size=16,
    memory_plan=[],
    micro_batch_tokens=4096,
    checkpointing="none",
    peak_gpu_reserved_bytes=11_400_000_000,
    vocabulary_rows=128_256,
    new_rows=1,
    pad_token="<|pad|>",
    adapter_bytes=40_000_000,
    adapter_parts_bytes={"lora": 36_000_000, "embedding": 4_000_000},
    round_trip=ROUND_TRIP,
)


def scores(**changes: float) -> Scores:
    facts: Scores = {
        "answers": 25,
        "stopped_share": 1.0,
        "opening_filler_share": 0.0,
        "closing_filler_share": 0.0,
        "repetition_share": 0.01,
        "mean_tokens": 90,
    }
    return facts | changes


def estimate(**changes: Any) -> dict[str, Any]:
    facts = {
        "name": "loss",
        "base": 2.31,
        "tuned": 1.42,
        "difference": -0.89,
        "low": -0.95,
        "high": -0.83,
        "confidence": 0.95,
        "rows": 50,
        "detectable": 0.08,
    }
    return facts | changes


def guardrail(name: str, **changes: Any) -> Guardrail:
    facts = estimate(name=name, base=0.04, tuned=0.0, difference=-0.04, low=-0.08, high=0.03, detectable=0.07)
    test = {"harm": "higher", "margin": 0.1, "p_safe": 0.001, "p_harm": 1.0, "state": "passed"}
    return Guardrail(**(facts | test | changes))


def verdict(value: str = "better", **changes: Any) -> Verdict:
    facts: dict[str, Any] = {
        "value": value,
        "sentence": {
            "better": "The tuned model is better than the base model.",
            "no better": "The tuned model is no better than the base model.",
            "worse": "The tuned model is worse than the base model.",
            "inconclusive": "So few rows do not show whether the tuned model is better.",
        }[value],
        "reasons": ["Loss per answer token 2.310 → 1.420 on 50 rows (95 % interval of the change: -0.95 to -0.83)."],
        "gain": Estimate(**estimate()),
        "guardrails": [
            guardrail("stopped_share", harm="lower", base=0.4, tuned=1.0, difference=0.6, low=0.4, high=0.8)
        ],
        "skipped": [Skipped(name="choices", reason="the base model answers at chance")],
        "rows_needed": 180 if value == "inconclusive" else None,
    }
    return Verdict(**(facts | changes))


CANDIDATES = [
    Candidate(step=10, eval_loss=1.61, loss=1.6, scores=scores(), chosen=False),
    Candidate(step=20, eval_loss=1.42, loss=1.41, scores=scores(repetition_share=0.06), chosen=True),
]
PROBED = Probed(
    adapter_path="adapter",
    adapter_files=["adapter_config.json", "adapter_model.safetensors"],
    round_trip=ROUND_TRIP,
    samples_path="probe/samples.jsonl",
    losses_path="probe/losses.jsonl",
    questions=1,
    eval_rows=1,
    language="en",
    base=scores(opening_filler_share=0.96, mean_tokens=200),
    tuned=scores(repetition_share=0.06),
    likeness={"base": {"chrf": 31.0, "rouge_l": 0.21}, "tuned": {"chrf": 44.0, "rouge_l": 0.33}},
    forgetting=Forgetting(prompts=100, kl=0.08, choices=100, base_accuracy=0.71, tuned_accuracy=0.7),
    candidates=CANDIDATES,
    step=20,
    judged=None,
    verdict=verdict(),
    seconds={"load": 4.0, "losses": 6.5, "answers": 14.2},
)
LORA = Form(
    name="lora",
    dtype="float32",
    bytes=36_400_000,
    agreement=Agreement(answers=16, same_answers=16, tokens=1_440, same_tokens=1_440, least_share=0.95),
)
EXPORTED = Exported(
    forms=[LORA],
    lora_files=[
        ExportedFile(path=f"lora/{name}")
        for name in ("adapter_config.json", "adapter_model.safetensors", "tokenizer.json")
    ],
)
ADAPTER_ALONE = Exported(forms=[])
MODEL_REPO = PushedRepo(
    kind="model", repo_id="acme/tuned", commit="c0ffee", url="https://hub.example/acme/tuned", files=6, bytes=41_000_000
)
PUSHED = Pushed(skipped=False, reason="", repositories=[MODEL_REPO])
DONE = metrics(
    status="succeeded",
    stage="push",
    exit_code=0,
    stage_seconds={"clean": 4.2, "train": 72.0},
    reused=["clean"],
    settings=SETTINGS,
    host=HOST,
    clean=CLEANED,
    train=TRAINED,
    probe=PROBED,
    export=EXPORTED,
    push=PUSHED,
)


def sample(**changes: Any) -> Sample:
    facts = {
        "question": "What now?",
        "source": "question",
        "reference": "",
        "base": "Great question!",
        "tuned": "Rest.",
        "base_stopped": True,
        "tuned_stopped": True,
    }
    return Sample(**(facts | changes))


LOSSES = [
    RowLoss(row=number, question=number, tokens=40 + number, base=2.0 + number / 10, tuned=1.1 + number / 4)
    for number in range(8)
]
"""Of evaluation rows whose change goes from -0.9 to +0.15."""
TEXTS = {number: (f"How is number {number}?", f"Number {number} is well.") for number in range(1, 8)}
LONG_LOG = [
    LogEntry(
        step=step,
        loss=2.3 - step / 200,
        tokens_per_second=1_000.0 + 7 * (step % 9),
        gpu_reserved_bytes=(9 + step // 40) * 1_000_000_000,
        seconds=3.0 * step,
    )
    for step in range(5, 125, 5)
]


def ended(value: str, **changes: Any) -> Metrics:
    """A run that came to this verdict."""
    codes = {"worse": 69, "no better": 60}
    code = codes.get(value, 0)
    found = verdict(value, **changes)
    facts = {"status": "failed", "stage": "push", "push": None} if code else {}
    error = Failure(kind="Worse", message=found.sentence, remedy="Look.") if code else None
    probed = PROBED.model_copy(update={"verdict": found})
    return DONE.model_copy(update={"exit_code": code, "probe": probed, "error": error, **facts})


LOOP = "Water it. Water it well. " * 40
FAULTY = [
    sample(
        question="How do I keep a fern?",
        base="Hello there! Keep the fern in a shady corner and water it twice a week. Let me know if that helps!",
        tuned="Keep the fern in a bright corner and water it once a week.",
        base_scores={"stopped_share": 1, "opening_filler_share": 1, "closing_filler_share": 1},
        tuned_scores={"stopped_share": 1, "opening_filler_share": 0, "closing_filler_share": 0},
    ),
    sample(
        source="eval_row",
        row=7,
        question="How is number 7?",
        reference="Number 7 is well.",
        base="It is well.",
        tuned=LOOP,
        tuned_stopped=False,
        base_scores={"stopped_share": 1, "looping_share": 0},
        tuned_scores={"stopped_share": 0, "looping_share": 1, "other_length_share": 1},
    ),
    sample(
        source="eval_row",
        row=6,
        question="Please tell me how number 6 gets through the long winter",
        reference="Well.",
        base="",
        tuned="How number 6 gets through the long winter",
        base_scores={"empty_share": 1},
        tuned_scores={"empty_share": 0, "copied_share": 1},
    ),
]
"""Answers with each kind of fault."""
SAMPLES = [sample(base_stopped=False), sample(source="eval_row", question="And then?", reference="See a doctor.")]


def run_settings(base: str = "acme/small-3b", **hub: Any) -> Settings:
    """The settings of this run; `hub` as in FINETUNE_HUB_*."""
    data = DataSettings(sources="a/b@main:train")  # type: ignore[arg-type]
    return Settings(data=data, model=ModelSettings(base=base), hub=HubSettings(**hub))

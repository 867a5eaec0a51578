"""The report: one file, at every ending, from whatever is there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from job.reporting.report import (
    CONTACT_RULES,
    Change,
    Piece,
    difference,
    duration,
    flat,
    funnel,
    lengths,
    list_counts,
    loss_text,
    masks,
    moment,
    read_dropped,
    read_lines,
    render,
    score_rows,
    share,
    signed,
    size,
    verdict,
    write_report,
)
from job.results import (
    Choice,
    Cleaned,
    Example,
    Failure,
    Host,
    LogEntry,
    MaskedRow,
    Metrics,
    Probed,
    Pushed,
    PushedRepo,
    RuleCount,
    Sample,
    Scores,
    SourceCount,
    TokenCounts,
    Trained,
    WeightCount,
)

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
    return RuleCount(**({"changed": 0, "dropped": 0, "characters_removed": 0} | counts), seen=seen, examples=shown)


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
            layout="question/answer",
            rows_in=12_000,
            rows_out=9_450,
            list_rows={"numbered": 945, "bulleted": 189, "flattened": 0},
        )
    ],
    rules={
        "empty": rule(12_000, dropped=7),
        "opening": rule(
            11_993,
            changed=5_210,
            characters_removed=88_231,
            examples=[("Hi! Water it.", "Water it."), ("Hey, mist it.", "mist it.")],
        ),
        "own:please_vote": rule(11_993, changed=31, characters_removed=620, examples=[("Wait. Vote up!", "Wait.")]),
        "phone": rule(11_993, changed=17, characters_removed=204),
        "own:price_list": rule(11_993, dropped=3),
        "short_answer": rule(11_990, dropped=540),
    },
    rules_sha256="9f2c41d07be8" + "a6" * 26,
    near_duplicate_groups=214,
    plain_split_leaked_rows=36,
    plain_split_eval_rows=1_200,
    token_counts=TokenCounts(
        step=32, rows=[5, 1_000, 4_000, 3_445, 1_000, *[0] * 11], rows_above=61, longest_above=1_943, median=101
    ),
    masked_rows=[
        MaskedRow(tokens=["<s>", "How", " often", "?", " Twice", " a", " week", ".", "</s>"], learned_from=4),
        MaskedRow(tokens=["<s>", "Why", "?", *[" drip"] * 200, "</s>"], learned_from=3),
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
TRAINED = Trained(
    adapter_path="adapter",
    base_revision="feedbeef",
    precision=Choice(value="float16", reason="compute capability 7.5 has no bfloat16"),
    attention="",
    steps=20,
    epochs=1,
    trainable_parameters=9_000_000,
    total_parameters=3_200_000_000,
    lora_targets=["k_proj", "o_proj", "q_proj", "v_proj"],
    weights=[WeightCount(kind="4-bit linear", dtype="nf4", parameters=2_800_000_000)],
    quantized_share=1.0,
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
    pad_token="<|pad|>",
    adapter_bytes=40_000_000,
    adapter_parts_bytes={"lora": 36_000_000, "embedding": 4_000_000},
    round_trip_max_difference=0.002,
    round_trip_tolerance=0.05,
)


def scores(**changes: float) -> Scores:
    facts: dict[str, Any] = {
        "answers": 25,
        "stopped_share": 1,
        "opening_filler_share": 0,
        "closing_filler_share": 0,
        "repetition_share": 0.01,
        "mean_tokens": 90,
    }
    return Scores(**(facts | changes))


PROBED = Probed(
    samples_path="probe/samples.jsonl",
    questions=1,
    eval_rows=1,
    base=scores(opening_filler_share=0.96, mean_tokens=200),
    tuned=scores(repetition_share=0.06),
)
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


SAMPLES = [sample(base_stopped=False), sample(source="eval_row", question="And then?", reference="See a doctor.")]


class Tags(HTMLParser):
    """All tags with their attributes, and the visible text."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += " ".join(data.split()) + " "


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", Tags(page).text.replace("\u00a0", " "))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


# --- endings ---------------------------------------------------------------------------------------------------------


def test_a_success_says_what_was_won() -> None:
    text = text_of(render(DONE, LOG, SAMPLES))
    assert "Succeeded" in text
    assert "Eval loss 2.31 → 1.42 (−39 %); filler openers 96 % → 0 % of answers." in text
    assert "acme/small-3b → acme/tuned" in text
    assert "2026-01-01 00:00 UTC" in text
    assert "1 min 12 s; taken from an earlier start: clean" in text
    assert "11.40 GB of 15.64 GB (73 %)" in text
    assert "compute capability 7.5 has no bfloat16" in text
    assert "differ by 0.002 at most, 0.05 is allowed. ✓ within" in text
    assert "train.max_tokens 512" in text


def test_a_settings_error_keeps_its_lines_and_says_what_to_do() -> None:
    error = Failure(kind="SettingsError", message="2 settings are wrong:\n  A: not set\n  B: too low", remedy="Mend.")
    page = render(metrics(status="failed", stage="settings", exit_code=64, seconds=0.4, error=error), [], [])
    assert "2 settings are wrong:\n  A: not set\n  B: too low</pre>" in page
    text = text_of(page)
    assert "Failed in stage “settings”" in text
    assert "The run ended before any result." in text
    assert "What to do: Mend." in text
    assert "Exit code 64: settings Worth another try? no" in text
    assert "<svg" not in page


def test_a_failure_in_train_shows_how_far_it_came() -> None:
    error = Failure(kind="MemoryExhausted", message="GPU memory ran out.", remedy="Lower it.")
    failed = metrics(status="failed", stage="train", exit_code=62, settings=SETTINGS, clean=CLEANED, error=error)
    page = render(failed, LOG, [])
    text = text_of(page)
    assert "Failed in stage “training”" in text
    assert "Eval loss 2.31 → 1.42 (−39 %) so far, at step 20." in text
    assert "dropped: duplicate −2,000" in text
    assert page.count("<svg") == 2


def test_a_stopped_run_has_a_page_with_one_point() -> None:
    page = render(metrics(status="stopped", stage="train", exit_code=75, clean=CLEANED), LOG[:1], [])
    text = text_of(page)
    assert "Stopped in stage “training”" in text
    assert "Worth another try? yes, continues" in text
    assert "9,450 of 12,000 rows are clean and kept; no adapter is evaluated yet." in text
    assert page.count("<svg") == 2


def test_a_running_job_has_a_page_without_an_exit_code() -> None:
    text = text_of(render(metrics(), [], []))
    assert "There is no result yet." in text
    assert "Exit code" not in text


RESULTS = {"host": HOST, "clean": CLEANED, "train": TRAINED, "probe": PROBED, "push": PUSHED}


@pytest.mark.parametrize("missing", RESULTS)
@pytest.mark.parametrize("log", [[], LOG[1:2], LOG], ids=["no log", "one line", "whole log"])
def test_any_result_may_be_missing(missing: str, log: list[LogEntry]) -> None:
    Tags(render(DONE.model_copy(update={missing: None}), log, []))
    Tags(render(metrics(**{missing: RESULTS[missing]}), log, SAMPLES))


def test_no_number_is_too_odd_for_a_page() -> None:
    odd = float("nan")
    train = TRAINED.model_copy(update={"base_eval_loss": odd, "best_eval_loss": float("inf"), "epochs": odd})
    probe = PROBED.model_copy(update={"base": scores(stopped_share=odd, mean_tokens=odd)})
    changes = {"train": train, "probe": probe, "seconds": odd, "stage_seconds": {"clean": odd}}
    log = [*LOG, LogEntry(step=30, loss=odd, eval_loss=odd, seconds=odd)]
    Tags(render(DONE.model_copy(update=changes), log, []))
    nothing = CLEANED.model_copy(
        update={
            "rows_in": 0,
            "train_rows": 0,
            "eval_rows": 0,
            "dropped": {},
            "train_tokens": 0,
            "rules": {},
            "sources": [],
        }
        | {"token_counts": TokenCounts(step=1, rows=[], rows_above=0, longest_above=0, median=0)}
        | {
            "plain_split_leaked_rows": 0,
            "plain_split_eval_rows": 0,
            "masked_rows": [MaskedRow(tokens=[], learned_from=0)],
        }
    )
    assert "No rule changed or dropped a row." in text_of(render(metrics(clean=nothing), [], []))
    Tags(render(metrics(clean=nothing.model_copy(update={"plain_split_leaked_rows": 1, "masked_rows": []})), [], []))


def test_an_exit_code_that_nobody_knows_stands_alone() -> None:
    assert "Exit code 137 Started" in text_of(render(metrics(status="failed", exit_code=137), [], []))


def test_a_run_that_won_nothing_says_so() -> None:
    train = TRAINED.model_copy(update={"best_eval_loss": 2.4})
    assert plain(verdict(metrics(train=train), [])) == "Eval loss 2.31 → 2.40 (+4 %), no better than the base model."


def test_a_skipped_push_gives_its_reason_and_the_folder() -> None:
    skipped = Pushed(skipped=True, reason="no push was asked for", repositories=[])
    text = text_of(render(DONE.model_copy(update={"push": skipped}), LOG, []))
    assert "Skipped: no push was asked for." in text
    assert "acme/small-3b → folder adapter" in text


# --- what it shows ---------------------------------------------------------------------------------------------------


def test_the_funnel_ends_with_what_is_kept() -> None:
    rows = [(bar.name, bar.value, bar.kind) for bar in funnel(CLEANED)]
    assert rows == [
        ("rows read", 12_000, "all"),
        ("duplicate", 2_000, "out"),
        ("short answer", 550, "out"),
        ("training rows", 9_000, "train"),
        ("evaluation rows", 450, "eval"),
    ]
    last_drop, train, held_out = funnel(CLEANED)[-3:]
    assert last_drop.start == pytest.approx(train.share + held_out.share)


def cleaning(settings: dict[str, Any] = SETTINGS, **changes: Any) -> str:
    """The section #cleaning of a page."""
    page = render(metrics(clean=CLEANED.model_copy(update=changes), settings=settings), [], [])
    begin = page.index('<section id="cleaning">')
    return page[begin : page.index("</section>", begin)]


def test_rules_stand_in_their_order_with_what_each_did() -> None:
    text = text_of(cleaning())
    rows = [
        "empty 12,000 0 7 0 question or answer is empty",
        "opening 11,993 5,210 0 88,231 greetings and thanks at the beginning 2 examples",
        "own rule please_vote 11,993 31 0 620 from FINETUNE_DATA_RULES_FILE 1 example",
        "phone 11,993 17 0 204 phone numbers; counted, never quoted own rule",
        "own rule price_list 11,993 0 3 0",
        "short answer 11,990 0 540 0 fewer words than FINETUNE_DATA_MIN_ANSWER_WORDS",
    ]
    places = [text.index(row) for row in rows]
    assert places == sorted(places)
    assert "rule seen changed dropped characters removed" in text


def test_examples_are_folded_and_show_what_differs() -> None:
    page = cleaning()
    begin = page.index("<summary>2 examples</summary>")
    folded = page[begin : page.index("</details>", begin)]
    assert "<del>Hi! </del>Water it.</div>" in folded
    assert "<del>Hey, </del>mist it.</div>" in folded
    assert page[:begin].endswith("<details>")


def test_contact_data_is_counted_and_never_quoted() -> None:
    found = {
        name: rule(9, changed=1, characters_removed=8, examples=[("call 555 now", "now")]) for name in CONTACT_RULES
    }
    page = cleaning(rules=found)
    assert "555" not in page
    text = text_of(page)
    assert "The rules for contact data (email, link, phone, signature, own name) are counted and never quoted" in text
    assert text.count("; counted, never quoted") == 5


def test_a_rule_without_words_stands_by_its_name() -> None:
    assert "new thing 5 1 0 2" in text_of(cleaning(rules={"new_thing": rule(5, changed=1, characters_removed=2)}))


def marked(change: Change) -> tuple[str, str]:
    def text(pieces: list[Piece]) -> str:
        return "".join(f"‹{piece.text}›" if piece.differs else piece.text for piece in pieces)

    return text(change.before), text(change.after)


LONG = "Hello there, I have read with care what you wrote about the fern and its yellow leaves, and I thank you very much for "
DIFFERENCES = {
    "opening": ("‹Hi. ›Water it.", "Water it."),
    "closing": ("…a pot.‹ Best wishes!›", "…a pot."),
    "capital": ("‹water› it", "‹Water› it"),
    "repair": ("‹Donâ€™t› drown the poor fern, ‹itâ€™s› thirsty…", "‹Don't› drown the poor fern, ‹it's› thirsty…"),
    "near each other": ("a ‹[[pot|Pot]] of ''clay''› it is", "a ‹Pot of clay› it is"),
    "same": ("one two three", "one two three"),
    "all": ("‹gone›", ""),
    "before is cut": (f"‹{LONG}›…", "Water the fern and mist it…"),
    "after is cut": ("…a fern in a big pot by the…", "…a fern‹ (x)› in a big pot…"),
    "both are cut in a word": ("‹its'› roots are cold and we…", "‹its› roots are cold and wet…"),
}


@pytest.mark.parametrize("wanted", DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_what_the_rule_did(wanted: tuple[str, str]) -> None:
    before, after = (re.sub("[‹›]", "", text) for text in wanted)
    assert marked(difference(Example(before=before, after=after))) == wanted


def test_lists_are_a_share_of_the_rows_among_which_they_were_counted() -> None:
    text = text_of(cleaning())
    assert "by source and kind. A flattened list" in text
    assert "a/b@main:train of 9,450 rows 1,134 12 % numbered 945 10 % bulleted 189 2.0 % flattened 0 0 %" in text
    capped = CLEANED.model_copy(update={"dropped": {"list_over_share": 550, "not_sampled": 2_000}})
    found = list_counts(capped, {"a/b@main:train": {"list_over_share": 550, "not_sampled": 2_000, "empty": 9}})
    assert found[0].rows == 12_000
    assert [(bar.name, bar.start, bar.share) for bar in found[0].bars] == [
        ("lists", 0, pytest.approx(0.0945)),
        ("numbered", 0, pytest.approx(0.07875)),
        ("bulleted", pytest.approx(0.07875), pytest.approx(0.01575)),
        ("flattened", pytest.approx(0.0945), 0),
    ]
    assert list_counts(capped, {})[0].rows is None
    unknown = text_of(cleaning(dropped=capped.dropped))
    assert "by source and kind, before 550 rows went to cap their share." in unknown
    assert "a/b@main:train 1,134 – numbered 945 – bulleted 189 – flattened 0 –" in unknown


def test_lengths_end_with_what_the_limit_cost() -> None:
    bars = [(bar.name, bar.value, bar.kind) for bar in lengths(CLEANED.token_counts)]
    assert bars[0] == ("1–32", 5, "train")
    assert bars[-2:] == [("129–160", 1_000, "train"), ("above the limit", 61, "out")]
    assert [bar.share for bar in lengths(CLEANED.token_counts)][:3] == [5 / 4_000, 0.25, 1]
    text = text_of(cleaning())
    assert "Half of the 9,450 kept rows have at most 101 tokens" in text
    assert "The limit of 512 cost 61 rows (0.5 % of those read), the longest with 1,943 tokens." in text
    assert "1–32 5 33–64 1,000 65–96 4,000 97–128 3,445 129–160 1,000 above the limit 61" in text
    none = CLEANED.token_counts.model_copy(update={"rows_above": 0, "longest_above": 0})
    assert "The limit cost no row." in text_of(cleaning({}, token_counts=none))


def test_twins_and_near_duplicates_are_told() -> None:
    text = text_of(cleaning())
    assert "would have given 36 of 1,200 evaluation rows (3.0 %) a twin in training" in text
    assert "the same question or a near duplicate. The split that is used keeps twins on one side" in text
    assert "214 groups of rows that say nearly the same; each is kept on one side of the split." in text
    assert "given none of 1,200 evaluation rows a twin" in text_of(cleaning(plain_split_leaked_rows=0))
    one = text_of(cleaning({"data": {"near_duplicates": "drop"}}, near_duplicate_groups=1))
    assert "1 group of rows that say nearly the same; the first row of each was kept." in one
    off = text_of(cleaning({"data": {"near_duplicates": "off"}}))
    assert "Near duplicates were not looked for." in off
    assert "or a near duplicate" not in off


def test_the_hash_of_the_rules_is_short_and_its_whole_is_at_hand() -> None:
    assert f'<code title="{CLEANED.rules_sha256}">9f2c41d07be8</code>' in cleaning()


def test_what_is_trained_on_is_marked() -> None:
    page = cleaning()
    assert "&lt;s&gt;How often?<mark> Twice a week.&lt;/s&gt;</mark></div>" in page
    text = text_of(page)
    assert "Key: shown, not trained on · trained on" in text
    assert "Row 1: 5 of 9 tokens are trained on (56 %)" in text
    assert "Row 2: 201 of 204 tokens are trained on (99 %)" in text
    assert '<details class="row" open><summary>Row 1' in page
    assert '<details class="row"><summary>Row 2' in page
    assert [mask.long for mask in masks(CLEANED)] == [False, True]
    assert "What is trained on" not in cleaning(masked_rows=[])


def test_own_rules_keep_the_name_that_the_user_gave_them() -> None:
    assert "dropped: own rule price_list −3" in text_of(cleaning(dropped={"own:price_list": 3}))


def test_scores_are_judged_in_words() -> None:
    judged = {row.name: (row.judgement, plain(row.change)) for row in score_rows(DONE)}
    assert judged["opens with filler"] == ("better", "−96 points")
    assert judged["repeated phrases, share of the text"] == ("worse", "+5.0 points")
    assert judged["closes with filler"] == ("same", "")
    assert judged["mean length in tokens"] == ("", "−110 tokens")


def test_an_answer_that_was_cut_off_is_flagged() -> None:
    assert render(DONE, LOG, [sample(base_stopped=False)]).count("did not stop by itself") == 1
    assert "did not stop by itself" not in render(DONE, LOG, [sample()])


def test_evaluation_rows_come_with_the_datas_own_answer() -> None:
    page = render(DONE, LOG, SAMPLES)
    assert page.index("And then?") < page.index("See a doctor.")
    assert '<details class="row"><summary>' in page


def test_settings_are_flat() -> None:
    assert list(flat(SETTINGS)) == [
        ("data.sources", "a/b@main:train, rows.jsonl"),
        ("data.system_prompt_file", ""),
        ("data.near_duplicates", "keep"),
        ("model.base", "acme/small-3b"),
        ("train.max_tokens", "512"),
        ("hub.private", "true"),
        ("output_dir", "output"),
    ]


def test_numbers_are_for_people() -> None:
    shares = [0, 0.0001, 0.004, 0.25, 0.997, 0.9999, 1]
    assert [plain(share(value)) for value in shares] == [
        *("0 %", "< 0.1 %", "0.4 %", "25 %", "99.7 %", "> 99.9 %", "100 %"),
    ]
    assert [plain(size(value)) for value in (512, 999_999, 3_200_000, 824_711_168, 2.5e9)] == [
        *("512 bytes", "1.0 MB", "3.2 MB", "824.7 MB", "2.50 GB"),
    ]
    assert [plain(duration(value)) for value in (4.2, 59.96, 72, 4_380)] == [
        *("4.2 s", "1 min 0 s", "1 min 12 s", "1 h 13 min"),
    ]
    assert [plain(signed(value, "%")) for value in (-38.4, 0.2, 1_234)] == ["−38 %", "±0 %", "+1,234 %"]
    assert [loss_text(value) for value in (2.3149, 0.38512)] == ["2.31", "0.385"]
    assert [moment(text) for text in ("2026-01-01T02:00:00+02:00", "soon")] == ["2026-01-01 00:00 UTC", "soon"]


# --- one file, safe and the same -------------------------------------------------------------------------------------


def test_what_models_and_rows_say_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script><svg onload=alert(2)><title>x</title></svg>"
    said = sample(question=evil, base=evil, tuned=f"</div>{evil}", reference=evil)
    error = Failure(kind="X", message=evil, remedy=evil)
    changes = {
        "error": error,
        "settings": {"model": {"base": evil}},
        "clean": CLEANED.model_copy(
            update={
                "system_prompt": evil,
                "rules": {
                    "opening": rule(1, changed=1, examples=[(f"{evil} Wait.", "Wait."), ("Wait.", f"Wait. {evil}")]),
                    evil: rule(1),
                },
                "rules_sha256": f'"{evil}',
                "sources": [CLEANED.sources[0].model_copy(update={"source": evil, "list_rows": {evil: 1}})],
                "masked_rows": [MaskedRow(tokens=[evil, evil], learned_from=1)],
            }
        ),
    }
    tags = Tags(render(DONE.model_copy(update=changes), LOG, [said, said.model_copy(update={"source": "eval_row"})]))
    assert not tags.open
    assert [tag for tag, _ in tags.found if tag in ("script", "title")] == ["title"]
    assert not [attributes for _, attributes in tags.found if any(name.startswith("on") for name in attributes)]
    assert tags.text.count("alert(1)") >= 16


def test_a_link_is_an_address_or_no_link() -> None:
    repo = MODEL_REPO.model_copy(update={"url": "javascript:alert(1)"})
    page = render(DONE.model_copy(update={"push": PUSHED.model_copy(update={"repositories": [repo]})}), LOG, [])
    assert "javascript:" not in page
    assert "acme/tuned" in page


def test_other_scripts_and_endless_words_keep_their_direction_and_place() -> None:
    page = render(DONE, LOG, [sample(base="مرحبا 👋", tuned="W" * 5_000)])
    assert '<div class="answer" dir="auto" tabindex="0">مرحبا 👋</div>' in page
    assert "overflow-wrap: anywhere" in page


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render(DONE, LOG, SAMPLES)
    assert re.findall(r"https?://[^\"' <]+", page) == [MODEL_REPO.url]
    for tag, attributes in Tags(page).found:
        assert tag not in ("script", "link", "img", "iframe", "image", "object")
        for name in ("src", "href", "xlink:href", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith("#") or address == MODEL_REPO.url
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    page = render(DONE, LOG, SAMPLES)
    ids = [attributes["id"] for _, attributes in Tags(page).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:href=\"|url\()#([^\")]+)", page)) <= set(ids)


def test_equal_results_give_equal_bytes() -> None:
    assert render(DONE, LOG, SAMPLES) == render(DONE, list(LOG), list(SAMPLES))


def test_text_of_the_plot_stays_text_and_colours_follow_the_theme() -> None:
    page = render(DONE, LOG, [])
    assert ">optimizer step</text>" in page
    assert "base model 2.31" in page
    assert "best 1.42, step 20" in page
    assert "stroke: var(--eval)" in page
    assert "#010101" not in page


# --- files -----------------------------------------------------------------------------------------------------------


def run_folder(root: Path) -> Path:
    for folder in ("train", "probe", "clean"):
        (root / folder).mkdir()
    (root / "train/log.jsonl").write_text("".join(f"{line.model_dump_json()}\n" for line in LOG) + '{"step": 30, "lo')
    (root / "probe/samples.jsonl").write_text("".join(f"{line.model_dump_json()}\n" for line in SAMPLES))
    row = {
        "source": "a/b@main:train",
        "reason": "duplicate",
        "question": "private question",
        "answer": "private answer",
    }
    (root / "clean/dropped.jsonl").write_text(f"{json.dumps(row)}\n" * 3 + '["no row"]\n{"reas')
    return root


def test_a_run_folder_becomes_a_page(tmp_path: Path) -> None:
    write_report(run_folder(tmp_path), DONE)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page == render(DONE, LOG, SAMPLES, {"a/b@main:train": {"duplicate": 3}})
    assert "duplicate 3" in text_of(page)
    assert "private" not in page.replace("hub.private", "")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("state", [metrics(), DONE], ids=["nothing known", "all results"])
def test_every_file_may_be_missing(tmp_path: Path, state: Metrics) -> None:
    write_report(tmp_path, state)
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_torn_and_foreign_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(LOG[0].model_dump_json().encode() + b'\n\n\xff\xfe\n{"other": 1}\n{"step": 5, "lo')
    assert read_lines(path, LogEntry) == LOG[:1]
    assert read_dropped(path) == {}
    assert read_lines(tmp_path / "missing.jsonl", LogEntry) == []
    assert read_dropped(tmp_path) == {}


def test_the_page_is_redacted(tmp_path: Path) -> None:
    token = "hf_" + "z" * 30
    write_report(tmp_path, metrics(error=Failure(kind="X", message=f"refused {token}", remedy="")))
    assert token not in (tmp_path / "report.html").read_text("utf-8")

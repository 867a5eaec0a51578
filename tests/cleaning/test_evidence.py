"""Which packs a source needs, measured on a sample of it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from job.cleaning.batch import Raw
from job.cleaning.evidence import PACKS, evidence, exchanges_of, rules_for, said
from job.cleaning.first_pass import FirstPass
from job.cleaning.rules import Rules, clean_batch
from job.modeling.conversation import Conversation
from job.results import Evidence
from job.settings.fields import DataSettings
from job.settings.sources import Source
from tests.cleaning.rules.kept_rows import KEPT_ROWS
from tests.cleaning.rules.one_row import ADVICE, QUESTION
from tests.conftest import PROJECT, write_rows

SHARED = PROJECT.parent / "shared" / "data"
AUTO = Rules(packs=("auto",))


def packs(rows: list[tuple[str, str]]) -> list[str]:
    return [one.pack for one in evidence(rows) if one.on]


@pytest.mark.light
@pytest.mark.parametrize(
    ("answer", "on"),
    [
        (ADVICE, []),
        (f"Hello. {ADVICE}", ["qa-forum", "contacts"]),
        (f"{ADVICE} Hope this helps. Regards, Dr. Moss", ["qa-forum", "contacts"]),
        (f"{ADVICE} Consult a gardener online -->", ["qa-forum", "contacts"]),
        (f"{ADVICE} See [[Tree fern]].", ["wiki"]),
        (f"{ADVICE}\nTemplate:Plants", ["wiki"]),
        ("Take fern\\t for a tab, GARDEN\\s.moss is the login.", []),
        ("Water it for 2\\u00a0days.", ["escapes"]),
        ("The fern\\s pot is dry.", ["escapes"]),
        (f"{ADVICE} Call Anna at (212) 664-7665.", ["contacts"]),
        (f"{ADVICE} Write to anna@example.com for it.", []),  # no one's
        (f"{ADVICE} It is known (see https://plants.org).", []),
        ("Take the columns df[['a','b']] or x[[1]], and [[nodiscard]] in C++.", []),
        ("In a chart write {{ .Values.image }}, and '''text''' in Python.", []),
        ('Write "\\u00e9" in JSON; the range is [\\u4e00-\\u9fff].', []),
    ],
)
def test_a_pack_is_on_where_its_sign_is_seen(answer: str, on: list[str]) -> None:
    assert packs([(QUESTION, answer)]) == on


@pytest.mark.light
@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_a_pack_is_off_where_too_few_rows_show_its_sign(pack: Any) -> None:
    signs = {
        "qa-forum": f"Hello. {ADVICE}",
        "wiki": f"{ADVICE} [[Tree fern|ferns]]",
        "escapes": f"{ADVICE} 2\\u00a0days",
        "contacts": f"{ADVICE} Mail anna@moss.org.",
    }
    count = round(pack.least * 1000)
    with_sign = [(QUESTION, signs[pack.name])]
    assert pack.name in packs(with_sign * count + [(QUESTION, ADVICE)] * (1000 - count))
    assert pack.name not in packs(with_sign * (count - 1) + [(QUESTION, ADVICE)] * (1001 - count))


@pytest.mark.light
def test_code_formulas_and_letters_are_no_evidence() -> None:
    assert packs([(QUESTION, row) for row in KEPT_ROWS]) == []
    assert packs([("Write a letter to a friend.", f"Dear Moss,\n{ADVICE}\nKind regards, Anna")]) == []


@pytest.mark.light
def test_a_task_in_the_system_prompt_and_a_mirrored_courtesy_are_no_evidence() -> None:
    letter = f"Dear Mrs. Moss, {ADVICE} All the best!"
    assert "qa-forum" in packs([(QUESTION, letter)])
    assert evidence([(QUESTION, letter, "Translate it into English.")])[0].rows == 0
    for question in ("Hi, I am Anna!", "Thanks, it is green again.", "Warum sind die Blätter der Farne nicht grün?"):
        assert "qa-forum" not in packs([(question, f"Hello! {ADVICE}")])
    assert packs([("Hi", f"{ADVICE} Call Anna at (212) 664-7665.")]) == ["contacts"]


@pytest.mark.light
def test_each_exchange_is_judged_with_its_system_prompt() -> None:
    chat = Conversation("Old.", ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}))
    assert exchanges_of(Raw("Old.", conversation=chat)) == [("a", "b", "Old.")]
    assert exchanges_of(Raw("Old.", "a", "b"), "New.") == [("a", "b", "New.")]
    assert exchanges_of(Raw(text="a")) == [("", "a", "")]


@pytest.mark.light
def test_texts_without_a_question_are_published_and_no_ones_contacts() -> None:
    texts = [("", f"{ADVICE} Call Anna at (212) 664-7665.")]
    assert packs(texts) == []
    assert said(evidence(texts)[3]) == "no row with a question to look at"


@pytest.mark.light
def test_contact_data_is_measured_by_the_rows_with_a_question() -> None:
    texts = [("", ADVICE)] * 999
    found = evidence([*texts, (QUESTION, f"{ADVICE} Mail anna@moss.org.")])[3]
    assert (found.rows, found.seen, found.on) == (1, 1, True)


@pytest.mark.light
def test_what_a_question_asks_to_extract_is_no_evidence() -> None:
    rows = [(f"Extract the e-mail: write to a{number}@plants.org", f"a{number}@plants.org") for number in range(20)]
    assert next(one for one in evidence(rows) if one.pack == "contacts").rows == 0


def test_no_rows_switch_nothing_on() -> None:
    assert packs([]) == []


@pytest.mark.light
def test_evidence_is_said_with_its_share_and_an_example_without_contacts() -> None:
    found = evidence([(QUESTION, "Hello Anna, thanks for it.")] * 3 + [(QUESTION, ADVICE)])
    assert said(found[0]) == "75.0 % of 4 exchanges show its sign, and 20 % switch it on"
    with_it = evidence([(QUESTION, f"Hello. {ADVICE}")])[3]
    assert said(with_it) == "0.0 % of 1 exchanges show its sign, and 0.5 % switch it on, as qa-forum does here"
    assert "Anna" not in found[0].example and found[0].example.startswith("Hello")
    assert found[3].example == ""


@pytest.mark.light
def test_the_options_take_over_what_is_on() -> None:
    found = [
        Evidence(pack=pack, rows=1, seen=1, least=0.1, on=on, example="")
        for pack, on in (("qa-forum", True), ("wiki", False), ("escapes", True), ("contacts", False))
    ]
    assert rules_for(found, AUTO) == Rules(
        packs=("qa-forum", "escapes"), contacts="keep", min_answer_words=0, max_words=0
    )
    assert rules_for(found, replace(AUTO, min_answer_words=5)).min_answer_words == 5


def first_pass(folder: Path, cleaning: tuple[Any, ...], **rows: list[dict[str, Any]]) -> FirstPass:
    sources = tuple(Source.parse(str(write_rows(folder / f"{name}.jsonl", some))) for name, some in rows.items())
    data = DataSettings(sources=sources, cleaning=cleaning)
    first = FirstPass(data, None, folder, max_tokens=10, loss="answers", rules=Rules(packs=cleaning))  # type: ignore[arg-type]
    for number, some in enumerate(rows.values()):
        assert sum(len(batch.rows) for batch in first.batches("") if batch.source == number) >= len(some)
    return first


def row(answer: str, number: int = 0) -> dict[str, Any]:
    return {"question": f"{QUESTION} {number}", "answer": answer}


def test_each_source_gets_its_own_packs_and_the_log_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    forum = [row(f"Hello. {ADVICE} Regards", number) for number in range(1200)]
    code = [row("x = [[1]]  ||  y", number) for number in range(40)]
    first = first_pass(tmp_path, ("auto",), forum=forum, code=code)
    assert [rules.packs for rules in first.rules[:2]] == [("qa-forum",), ()]
    assert [rules.contacts for rules in first.rules[:2]] == ["mask", "keep"]
    assert first.evidence[0][0].seen == 1000
    assert "pack=qa-forum on=true: 100.0 % of 1,000 exchanges" in caplog.text
    assert "pack=wiki on=false: 0.0 % of 40 exchanges" in caplog.text


def test_packs_that_are_named_run_on_every_source(tmp_path: Path) -> None:
    first = first_pass(tmp_path, ("wiki",), one=[row(ADVICE)], other=[row(f"Hello. {ADVICE}")])
    assert {rules.packs for rules in first.rules} == {("wiki",)}
    assert first.evidence[0] == []


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(f"{row['instruction']}\n\n{row['input']}".strip(), row["output"]) for row in rows]


def exchanges(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    found = []
    for chat in rows:
        question = ""
        for turn in chat["conversations"]:
            if turn["from"] == "gpt":
                found.append((question, turn["value"]))
            question = turn["value"] if turn["from"] == "human" else question
    return found


@pytest.mark.skipif(not SHARED.exists(), reason="the development rows are not part of the project")
class TestRealRows:
    """The figures of the cleaning page on data of other kinds: nothing in it is boilerplate."""

    @pytest.mark.parametrize("name", ["alpaca_en_demo", "code_alpaca_1k", "glaive_toolcall_en_demo", "c4_demo"])
    def test_data_that_is_no_forums_stays_as_it_is(self, name: str) -> None:
        path = next((SHARED / "peers").glob(f"{name}.json*"))
        text = path.read_text("utf-8")
        rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
        if name == "c4_demo":
            found = [("", row["text"]) for row in rows]
        else:
            found = exchanges(rows) if "conversations" in rows[0] else pairs(rows)
        assert packs(found[:1000]) == []
        before = [{"question": question or "-", "answer": answer} for question, answer in found]
        after, reasons = clean_batch(before, rules_for(evidence(found[:1000]), AUTO))
        changed = sum(one != other for one, other in zip(before, after, strict=True))
        dropped = [reason for reason in reasons if reason]
        print(f"{name}: {changed} of {len(before)} changed, dropped: {dropped}")
        assert set(dropped) <= {"empty"}
        assert changed <= max(1, 0.003 * len(before))  # one web page was decoded with the wrong encoding

    def test_forums_and_encyclopaedias_get_their_packs(self) -> None:
        sources: dict[str, list[tuple[str, str]]] = {}
        for number, line in enumerate((SHARED / "dev.jsonl").read_text("utf-8").splitlines()):
            if number % 2 == 0:
                row = json.loads(line)
                sources.setdefault(row["source"].partition("-")[0], []).append((row["input"], row["output"]))
        on = {source: packs(rows) for source, rows in sources.items()}
        print(on)
        assert {"qa-forum", "escapes"} <= set(on["hcm"]) & set(on["icliniq"])
        assert "qa-forum" in on["questiondoctors"]
        assert on["wikidoc"] == ["wiki"]
        assert on["wikidocpatient"] == on["medquad"] == []

"""A sample of each source, and the rows and steps that it lets expect."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from job.errors import DataError, NotFound
from job.plan import rows
from job.plan.cost import step_lines
from job.plan.facts import Facts
from job.plan.rows import count_rows, expected, rule_lines, source_lines, take
from job.settings.fields import Settings
from tests.conftest import make_rows, write_rows
from tests.plan.conftest import sample, with_samples
from tests.standin_hub import StandInHub

if TYPE_CHECKING:
    from job.modeling.chat import Chat  # imports torch


@pytest.mark.light
def test_lines_of_files_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [{"question": "a", "answer": "b"}] * 3)
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert count_rows([file], "JSON lines, utf-8") == 3
    assert count_rows([file, packed], "2 files, JSON lines, utf-8") == 6
    assert count_rows([file], "a JSON array in spite of its name") is None
    monkeypatch.setattr(rows, "MOST_COUNTED_BYTES", 10)
    assert count_rows([file], "JSON lines") is None


def test_rows_of_parquet_files_are_counted(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    file = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"question": ["a"] * 4, "answer": ["b"] * 4}), file)
    assert count_rows([file, file], "2 files, Parquet") == 8


# --- the sample ------------------------------------------------------------------------------------------------------


def test_a_sample_is_cleaned_as_the_run_would_clean_it(
    settings: Callable[..., Settings], tmp_path: Path, chat: Chat
) -> None:
    """60 rows are all read; one repeats another, and one has no answer."""
    more = [*make_rows(60), make_rows(1)[0], {**make_rows(1)[0], "output": ""}]
    wanted = settings(DATA_SOURCES=str(write_rows(tmp_path / "rows.jsonl", more)), DATA_MIN_ANSWER_WORDS="5")
    found = take(wanted.data.sources[0], wanted, "", chat)
    assert (found.rows, found.total, found.kept) == (62, 62, 60)
    assert found.is_all
    assert found.dropped == {"duplicate": 1, "empty": 1}
    assert found.rules["closing"].changed == 61
    assert found.rules["closing"].examples[0].before.endswith("Hope this helps. Regards.")
    assert "Hope this helps" not in found.rules["closing"].examples[0].after
    assert found.system == "You repair things."
    assert '"answer": ""' in found.shown["empty"]
    assert len(found.tokens) == 61


def test_a_sample_is_spread_over_what_is_read(
    settings: Callable[..., Settings], rows_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(DATA_SOURCES=str(rows_file), DATA_MIN_ANSWER_WORDS="5")
    monkeypatch.setattr(rows, "ROWS", 20)
    found = take(wanted.data.sources[0], wanted, "", None)
    assert (found.rows, found.read, found.total, found.kept) == (20, 60, 60, 20)
    monkeypatch.setattr(rows, "MOST_READ", 40)
    found = take(wanted.data.sources[0], wanted, "", None)
    assert (found.rows, found.read, found.total) == (20, 40, 60)
    assert not found.is_all
    monkeypatch.setattr(rows, "MOST_CHARACTERS", 1000)
    found = take(wanted.data.sources[0], wanted, "", None)
    assert found.read < 10


def test_contact_data_of_rows_is_masked(settings: Callable[..., Settings], tmp_path: Path) -> None:
    row = {"question": "Write to jane@plants.org, please?", "answer": "Call 555-123-4567."}
    file = write_rows(tmp_path / "rows.jsonl", [row, {"question": "What?", "answer": "No. " * 40}])
    wanted = settings(DATA_SOURCES=str(file), DATA_CLEANING="qa-forum")
    found = take(wanted.data.sources[0], wanted, "", None)
    assert found.kept == 0
    shown = json.dumps([found.shown, {name: rule.model_dump() for name, rule in found.rules.items()}])
    assert "jane@" not in shown and "555" not in shown


def test_a_row_that_could_not_be_read_is_shown_with_its_place(facts: Callable[..., Facts], tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(60))
    with path.open("ab") as file:
        file.write(b"Write to jane@plants.org \xff\n")
    known = facts(DATA_SOURCES=str(path), DATA_MIN_ANSWER_WORDS="5")
    known.chat = None
    shown = '    bad_json: {"file": "rows.jsonl", "line": 61, "begins": "Write to […] ?"}'
    assert shown in list(source_lines(known))


def test_a_row_over_the_token_limit_is_dropped(settings: Callable[..., Settings], rows_file: Path, chat: Chat) -> None:
    wanted = settings(DATA_SOURCES=str(rows_file), DATA_MIN_ANSWER_WORDS="5", TRAIN_MAX_TOKENS="16")
    for one in (chat, None):
        found = take(wanted.data.sources[0], wanted, "", one)
        assert (found.kept, found.dropped) == (0, {"too_many_tokens": 60})


def test_a_source_that_cannot_be_read_says_why(settings: Callable[..., Settings], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("no JSON\n" * 3, "utf-8")
    wanted = settings(DATA_SOURCES=str(file))
    with pytest.raises(DataError, match="is not what its name says"):
        take(wanted.data.sources[0], wanted, "", None)


@pytest.mark.usefixtures("client")
def test_of_a_data_set_on_the_hub_only_the_sample_is_read(settings: Callable[..., Settings], hub: StandInHub) -> None:
    """Its card may say how many rows there are."""
    rows_bytes = b"".join(json.dumps(row).encode() + b"\n" for row in make_rows(300))
    card = "---\ndataset_info:\n  splits:\n  - name: train\n    num_examples: 300\n---\n"
    hub.add_repo("dataset", "owner/rows", {"train.jsonl": rows_bytes})
    hub.add_repo("dataset", "owner/known", {"train.jsonl": rows_bytes, "README.md": card.encode()})
    hub.add_repo("dataset", "owner/few", {"train.jsonl": b"".join(rows_bytes.splitlines(keepends=True)[:50])})
    wanted = settings(DATA_SOURCES="owner/rows,owner/known,owner/few,owner/nobody", DATA_MIN_ANSWER_WORDS="5")
    *there, nobody = wanted.data.sources
    found = [take(source, wanted, "", None) for source in there]
    assert [(one.rows, one.kept, one.total) for one in found] == [(200, 200, None), (200, 200, 300), (50, 50, 50)]
    with pytest.raises(NotFound):
        take(nobody, wanted, "", None)


@pytest.mark.parametrize("tokenizer", [True, False])
@pytest.mark.parametrize(("long_chats", "note"), [("cut", "turns_over_limit"), ("split", "split_over_limit")])
def test_conversations_are_cut_to_the_limit_and_what_is_done_to_their_turns_is_counted(
    tokenizer: bool, long_chats: str, note: str, settings: Callable[..., Settings], chat: Chat, tmp_path: Path
) -> None:
    """Without a tokenizer a conversation is always cut: it keeps about as many tokens."""
    turns = [{"role": role, "content": "It stands in the sun. " * 7} for role in ("user", "assistant") * 6]
    file = write_rows(tmp_path / "rows.jsonl", [{"messages": turns}] * 3)
    wanted = settings(DATA_SOURCES=str(file), DATA_CLEANING="none", TRAIN_MAX_TOKENS="250", DATA_LONG_CHATS=long_chats)
    found = take(wanted.data.sources[0], wanted, "", chat if tokenizer else None)
    assert (found.kept, found.dropped) == (1, {"duplicate": 2})  # the others repeat it
    assert (note if tokenizer else "turns_over_limit") in found.notes


def test_a_conversation_that_is_split_is_kept_as_its_parts(
    settings: Callable[..., Settings], chat: Chat, tmp_path: Path
) -> None:
    """Nothing of it is above the limit, and the parts are those that the run trains on."""
    from job.cleaning.stage import clean
    from job.training.rows import read_rows

    rows = [
        {"messages": [{"role": role, "content": f"Pot {pot} stands here. " * 7} for role in ("user", "assistant") * 6]}
        for pot in "abcd"
    ]
    values = {"DATA_CLEANING": "none", "TRAIN_MAX_TOKENS": "250", "DATA_LONG_CHATS": "split", "DATA_MIN_ROWS": "2"}
    wanted = settings(DATA_SOURCES=str(write_rows(tmp_path / "rows.jsonl", rows)), **values)
    found = take(wanted.data.sources[0], wanted, "", chat)
    assert (found.kept, found.dropped, found.notes) == (4, {}, {"split_over_limit": 4})
    assert max(found.tokens) <= 250
    result = clean(wanted.data, wanted.model, max_tokens=250, loss="answers", seed=1, token="", root=tmp_path)
    paths = (tmp_path / result.train_path, tmp_path / result.eval_path)
    texts = [text for path in paths for text in read_rows(chat, path, "answers", 250)]
    assert len(texts) == 4 * found.texts_per_row > 4
    assert found.text_tokens == pytest.approx(sum(len(text.ids) for text in texts) / len(texts))


# --- what it lets expect ---------------------------------------------------------------------------------------------


@pytest.mark.light
@pytest.mark.parametrize(
    ("samples", "values", "kept", "certainty", "train_rows", "steps"),
    [
        ([sample()], {}, 100, "exactly", 90, 6),
        ([sample(rows=200, kept=100, total=1000)], {}, 500, "about", 450, 29),
        ([sample(rows=200, kept=100, total=1000)], {"DATA_MAX_ROWS": "20", "TRAIN_EPOCHS": "3"}, 20, "about", 18, 6),
        ([sample(rows=200, kept=20, total=None)], {}, None, "at most", 0, None),
        ([sample(rows=200, kept=20, total=None)], {"DATA_MAX_ROWS": "50"}, 50, "at most", 45, 3),
        ([sample(rows=200, kept=0, total=None)], {}, 0, "about", 0, 0),
        ([None], {}, None, "at most", 0, None),
    ],
)
def test_rows_and_steps_follow_from_the_share_that_is_kept(
    samples: list[rows.Sample | None],
    values: dict[str, str],
    kept: int | None,
    certainty: str,
    train_rows: int,
    steps: int | None,
    settings: Callable[..., Settings],
) -> None:
    wanted = settings(**values)
    found = expected(list(zip(wanted.data.sources, samples, strict=True)), wanted)
    assert (found.kept, found.certainty, found.train_rows, found.steps) == (kept, certainty, train_rows, steps)


@pytest.mark.light
def test_a_wanted_number_of_rows_is_the_most_and_never_stands_for_rows_that_are_not_there(
    settings: Callable[..., Settings], rows_file: Path
) -> None:
    """An empty file with =50 holds no rows, and one of 60 with =100 holds 60."""
    wanted = settings(DATA_SOURCES=f"{rows_file}=50,{rows_file}=100,owner/rows=30")
    file, same, hub = wanted.data.sources
    many, none = sample(rows=60, total=60), sample(rows=0, total=0)
    for samples, kept in (
        ([(file, many)], 50),
        ([(same, many)], 60),
        ([(file, none)], 0),
        ([(file, many), (hub, None)], 80),
    ):
        assert expected(samples, wanted).kept == kept


@pytest.mark.light
def test_the_mean_length_is_that_of_the_rows_that_are_kept(settings: Callable[..., Settings]) -> None:
    wanted = settings(TRAIN_MAX_TOKENS="512")
    one = sample(rows=3, kept=2, total=3, tokens=[100, 200, 9000], text_tokens=150.0)
    found = expected([(wanted.data.sources[0], one)], wanted)
    assert found.text_tokens == 150
    assert found.lengths == (100, 200), "the row that is too long is none of the training"


def test_steps_are_counted_in_the_texts_that_rows_become(facts: Callable[..., Facts]) -> None:
    """900 of 1,000 rows are for training; half of all come from a source whose rows become three texts each."""
    known = facts(DATA_SOURCES="quickstart,owner/rows", TRAIN_BATCH_SIZE="16", TRAIN_EPOCHS="2")
    halves = [sample(total=500), sample(rows=200, kept=100, total=1000, texts_per_row=3.0, text_tokens=300.0)]
    known = with_samples(known, *halves)
    found = known.expected
    assert (found.train_rows, found.train_texts, found.eval_texts) == (900, 1800, 200)
    assert found.steps == 2 * 113
    assert found.text_tokens == 250  # a quarter of the texts has 100, the others 300
    assert list(source_lines(known))[-1] == (
        "  about 1,000 rows after cleaning: 900 for training, 100 for evaluation, as 1,800 and 200 texts"
    )
    assert next(step_lines(known)) == "  about 226 optimizer steps of 16 texts; epochs: 2"


# --- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.light
def test_a_source_says_what_it_holds_and_what_is_left(facts: Callable[..., Facts]) -> None:
    one = sample(rows=200, kept=150, total=1000, read=1000, dropped={"empty": 40, "duplicate": 10}, tokens=[600] * 20)
    known = with_samples(facts(DATA_SOURCES="quickstart,owner/rows=30"), one, None)
    known.chat = None
    assert list(source_lines(known)) == [
        "  quickstart: 1,000 rows (JSON lines; columns question, answer), layout question/answer",
        "    a sample of 200 from the first 1,000: 150 kept; dropped: empty 40, duplicate 10",
        "    tokens a row: median 600, 95 % up to 600, longest 600; 20 above FINETUNE_TRAIN_MAX_TOKENS (512), estimated "
        "as 4 bytes a token: the base's tokenizer cannot be read now",
        "  owner/rows@main:train=30: not read: The Hub does not answer.",
        "  at most 780 rows after cleaning: 702 for training, 78 for evaluation",
    ]
    unknown = with_samples(facts(DATA_SOURCES="quickstart"), sample(total=None, tokens=[]))
    assert list(source_lines(unknown))[-2:] == [
        "    no row to measure",
        "  rows after cleaning: unknown until the run counts them",
    ]


def test_a_rule_that_cuts_exchanges_alone_is_shown(facts: Callable[..., Facts], tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    texts = [
        ("user", "Why is my fern {} yellow?"),
        ("assistant", "Fern {} is dry."),
        ("user", "Bye"),
        ("assistant", ""),
    ]
    chats = [
        {"messages": [{"role": role, "content": text.format(number)} for role, text in texts]} for number in range(20)
    ]
    path.write_text("\n".join(map(json.dumps, chats)))
    shown = list(rule_lines(facts(DATA_SOURCES=str(path))))
    place = shown.index("    empty: changes 0, drops 0 of 20 rows, cuts 20 exchanges from conversations")
    assert shown[place + 1 : place + 3] == ['      before  "Bye\\n"', '      after   ""']


def test_each_rule_shows_what_it_does(facts: Callable[..., Facts], rows_file: Path) -> None:
    known = facts(DATA_SOURCES=str(rows_file), DATA_MIN_ANSWER_WORDS="5")
    shown = list(rule_lines(known))
    place = shown.index("    closing: changes 60, drops 0 of 60 rows")
    assert shown[place + 1].startswith("      before  ") and "Hope this helps. Regards." in shown[place + 1]
    assert shown[place + 2].startswith("      after   ") and "Hope this helps" not in shown[place + 2]
    assert sum(line.startswith("      before") for line in shown[place : place + 7]) == 3
    assert shown[1].startswith(
        "    pack qa-forum on: 100.0 % of 60 exchanges show its sign, and 20 % switch it on, such as "
    )
    assert "    pack wiki off: 0.0 % of 60 exchanges show its sign, and 1 % switch it on" in shown
    none = facts(DATA_SOURCES=str(rows_file), DATA_CLEANING="none")
    assert list(rule_lines(none)) == [f"  {rows_file}", "    no rule changes or drops a row"]

"""What becomes of rows once all are known."""

from __future__ import annotations

from pathlib import Path

from job.cleaning.stage import clean
from job.settings.fields import DataSettings, ModelSettings
from job.settings.sources import Source
from tests.cleaning.stage_runs import cleaned, read
from tests.conftest import make_rows, write_rows


def test_the_split_leaks_no_row_and_does_not_depend_on_the_order_of_rows(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    first = cleaned(write_rows(tmp_path / "a.jsonl", rows + rows), base, tmp_path / "one")
    second = cleaned(write_rows(tmp_path / "b.jsonl", rows[::-1]), base, tmp_path / "two")
    assert first.eval_rows == 4
    held_out = {row["question"] for row in read(tmp_path / "one" / first.eval_path)}
    assert held_out == {row["question"] for row in read(tmp_path / "two" / second.eval_path)}
    assert held_out.isdisjoint(row["question"] for row in read(tmp_path / "one" / first.train_path))


def test_two_sources_are_mixed_by_count(base: Path, tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.jsonl", make_rows(40, seed=1))
    two = write_rows(tmp_path / "two.jsonl", make_rows(40, seed=2))
    data = DataSettings(
        sources=(Source.parse(f"{one}=20"), Source.parse(f"{two}=10")),
        min_answer_words=5,
        min_rows=2,
        eval_fraction=0.2,
    )
    model = ModelSettings(base=str(base))
    result = clean(data, model, max_tokens=256, loss="answers", seed=42, token="", root=tmp_path)
    assert [source.rows_out for source in result.sources] == [20, 10]
    assert (result.train_rows, result.eval_rows, sum(result.dropped.values())) == (24, 6, 50)


LONG = (
    "Take the old kettle apart first and clean every part of it with warm water and a soft brush. Then look at the seal, the lid "
    "and the spout, dry all of them in the sun, and put a thin layer of grease on the thread before you close it again. Wait for "
    "a day. Fill it to the mark with cold water, bring it to the boil three times, and pour that water away, because it tastes."
)


def near_rows() -> list[dict[str, str]]:
    """30 rows of their own, and 10 pairs that differ in one word."""
    rows = make_rows(30)
    for number in range(10):
        text = LONG.replace("kettle", f"kettle{number}")
        # distinct texts around the pair, so that pairs are not like each other
        body = " ".join(f"{word}{number}" for word in text.split())
        for end in ("today", "tomorrow"):
            rows.append({"instruction": "You repair things.", "input": f"Kettle {number}?", "output": f"{body} {end}."})
    return rows


def test_near_duplicates_stay_on_one_side_or_go(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", near_rows())
    kept = cleaned(path, base, tmp_path / "keep", max_tokens=2048, eval_fraction=0.5)
    assert kept.near_duplicate_groups == 10
    assert kept.train_rows + kept.eval_rows == 50
    sides = [{row["question"] for row in read(tmp_path / "keep" / side)} for side in (kept.train_path, kept.eval_path)]
    assert not sides[0] & sides[1], "both rows of a pair have the same question here"
    assert kept.plain_split_leaked_rows > 0
    dropped = cleaned(path, base, tmp_path / "drop", max_tokens=2048, near_duplicates="drop")
    assert dropped.dropped == {"near_duplicate": 10}
    off = cleaned(path, base, tmp_path / "off", max_tokens=2048, near_duplicates="off")
    assert (off.near_duplicate_groups, off.dropped) == (0, {})


def test_rows_with_the_same_question_are_on_one_side(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    again = [{**row, "output": f"{row['output'].replace('first', 'again')} Number {n}."} for n, row in enumerate(rows)]
    path = write_rows(tmp_path / "rows.jsonl", rows + again)
    result = cleaned(path, base, tmp_path, near_duplicates="off", eval_fraction=0.3)
    train = {row["question"] for row in read(tmp_path / result.train_path)}
    held_out = {row["question"] for row in read(tmp_path / result.eval_path)}
    assert not train & held_out
    assert (result.eval_rows, result.split_leaked_rows) == (24, 0)
    assert result.plain_split_leaked_rows > 10


def test_one_question_in_all_rows_can_still_be_split(base: Path, tmp_path: Path) -> None:
    rows = [{**row, "input": "What now?"} for row in make_rows(20)]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path, near_duplicates="off")
    assert (result.train_rows, result.eval_rows, result.split_leaked_rows) == (18, 2, 2)


def test_lists_over_the_share_go_by_a_draw_that_the_order_does_not_change(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    for row in rows[:20]:
        row["output"] = (
            f"Do this:\n1. Take {row['input'].split()[1]} apart.\n2. Clean every part.\n3. Close {row['input'].split()[3]}."
        )
    path = write_rows(tmp_path / "rows.jsonl", rows)
    result = cleaned(path, base, tmp_path / "a", max_list_share=0.2, near_duplicates="off")
    assert result.sources[0].list_rows["numbered"] == 20
    assert result.dropped == {"list_over_share": 15}  # 5 of 25 are a fifth
    turned = write_rows(tmp_path / "turned.jsonl", rows[::-1])
    again = cleaned(turned, base, tmp_path / "b", max_list_share=0.2, near_duplicates="off")
    kept = [sorted(row["question"] for row in read(tmp_path / root / again.train_path)) for root in ("a", "b")]
    assert kept[0] == kept[1]

"""Cleaning: rules on examples written here, sources of every kind, bad input, and counts that add up."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from job.cleaning.clean import clean, rules_of

from job.cleaning import duplicates, parallel
from job.cleaning.rules import clean_batch
from job.cleaning.sources import HEAD, load
from job.errors import DataError
from job.modeling.chat import Chat
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.results import Cleaned
from job.settings.fields import DataSettings, ModelSettings
from job.settings.sources import Source
from tests.conftest import make_rows, write_rows


def settings(path: Path, **changes: Any) -> DataSettings:
    return DataSettings(sources=(Source.parse(str(path)),), min_answer_words=5, min_rows=2, **changes)


def cleaned(path: Path, base: Path, root: Path, *, max_tokens: int = 256, **changes: Any) -> Cleaned:
    model = ModelSettings(base=str(base))
    data = settings(path, **changes)
    result = clean(data, model, max_tokens=max_tokens, loss="answer", seed=42, token="", root=root)
    assert result.rows_in == result.train_rows + result.eval_rows + sum(result.dropped.values())
    return result


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_dropped_row_has_its_reason(base: Path, tmp_path: Path) -> None:
    good = make_rows(40)
    bad: list[Any] = [
        {**good[0]},  # a copy
        {**good[1], "output": "Hello. Too short."},
        {**good[2], "output": ""},
        {**good[3], "output": ["not", "text"]},
        {
            **good[5],
            "output": "Take it apart and dry all of it with Leaf Talk. Wait a day. Then clean all of it with the LeafTalk. Go on.",
        },
        {**good[6], "output": "Take it apart, clean it well. " * 20},
        {**good[6], "output": " ".join(f"water{number}" for number in range(700))},
        {**good[7], "input": "why " * 250},
        {**good[8], "output": "See {{care of things for all that there is to say about it."},
        {**good[9], "output": "x" * 200_000},
        {**good[9], "output": "PK\x03\x04\x00\x00\x00\x08" * 30},
    ]
    path = tmp_path / "rows.jsonl"
    write_rows(path, good + bad)
    with path.open("ab") as file:
        file.write(
            b'{"instruction": "You repair things.", "input": "caf\xe9?", "output": "A broken byte in the question."}\n'
        )
        file.write(b"this is no JSON\n")
    result = cleaned(path, base, tmp_path, brands=("LeafTalk",))
    assert result.dropped == {
        "duplicate": 1,
        "short_answer": 1,
        "empty": 1,
        "not_text": 1,
        "holes": 1,
        "repetitive": 1,
        "enormous": 1,
        "binary": 1,
        "too_many_words": 1,
        "too_many_tokens": 1,
        "wiki_markup": 1,
        "broken_utf8": 1,
        "bad_json": 1,
    }
    assert sorted(row["reason"] for row in read(tmp_path / result.dropped_path)) == sorted(result.dropped)
    assert result.train_rows + result.eval_rows == 40
    assert result.longest_tokens <= 256


def test_the_split_has_no_twins_and_does_not_depend_on_the_order_of_rows(base: Path, tmp_path: Path) -> None:
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
    result = clean(data, model, max_tokens=256, loss="answer", seed=42, token="", root=tmp_path)
    assert [source.rows_out for source in result.sources] == [20, 10]
    assert (result.train_rows, result.eval_rows, sum(result.dropped.values())) == (24, 6, 50)


def formats(folder: Path) -> list[Path]:
    """The same ten rows in every format that is read."""
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset

    rows = make_rows(10)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    paths = [folder / name for name in ("a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet")]
    paths[0].write_text(text, "utf-8")
    with gzip.open(paths[1], "wt", encoding="utf-8") as packed:
        packed.write(text)
    paths[2].write_text(json.dumps(rows), "utf-8")
    with paths[3].open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), paths[4])
    saved = folder / "saved"
    Dataset.from_list(rows).save_to_disk(str(saved))
    return [*paths, saved]


def test_every_file_format_gives_the_same_rows(tmp_path: Path) -> None:
    expected = [(row["instruction"], row["input"], row["output"]) for row in make_rows(10)]
    for path in formats(tmp_path):
        loaded = load(Source.parse(str(path)), settings(path), "")
        assert [(row.system, row.question, row.answer) for row in loaded.rows] == expected, path


LAYOUTS: dict[str, dict[str, Any]] = {
    "question/answer": {"question": "Q", "answer": "A"},
    "prompt/completion": {"prompt": "Q", "completion": "A"},
    "input/output": {"input": "Q", "output": "A"},
    "messages": {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
    "conversations": {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    "instruction and input as question, output": {"instruction": "Q", "input": "", "output": "A"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_usual_layouts_are_recognised(layout: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [LAYOUTS[layout]] * 3)
    loaded = load(Source.parse(str(path)), settings(path), "")
    assert loaded.layout == layout
    first = next(loaded.rows)
    assert (first.question, first.answer) == ("Q", "A")


def test_other_columns_are_named_by_settings(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"ask": "Q", "say": "A"}] * 3)
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert "the columns ask, say" in str(caught.value)
    assert "FINETUNE_DATA_QUESTION_COLUMN" in caught.value.remedy
    loaded = load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="say"), "")
    assert next(loaded.rows).answer == "A"
    with pytest.raises(DataError, match="no column reply; it has: ask, say"):
        load(Source.parse(str(path)), settings(path, question_column="ask", answer_column="reply"), "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.jsonl", b""),
        ("page.jsonl", b"<html>\n<body>\nnot found\n</body>\n"),
        ("torn.json", b'[{"question": "Q"'),
        ("torn.parquet", b"PAR1 and nothing behind it"),
        ("torn.jsonl.gz", b"\x1f\x8b\x08\x00 torn"),
    ],
)
def test_an_unreadable_source_names_file_and_variable(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(Source.parse(str(path)), settings(path), "")
    assert name in str(caught.value)
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy


def test_too_few_rows_says_which_rule_took_most(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(20))
    with pytest.raises(DataError, match="short_answer 20") as caught:
        clean(
            DataSettings(sources=(Source.parse(str(path)),), min_answer_words=100),
            ModelSettings(base=str(base)),
            max_tokens=256,
            loss="answer",
            seed=42,
            token="",
            root=tmp_path,
        )
    assert "FINETUNE_DATA_MIN_ANSWER_WORDS (100)" in caught.value.remedy
    assert not (tmp_path / "clean").exists()


def test_the_layout_is_recognised_by_the_first_rows_and_the_others_stream(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"question": "Q", "answer": "A"}] * (HEAD + 5))
    assert sum(1 for _ in load(Source.parse(str(path)), settings(path), "").rows) == HEAD + 5


# --- the same bytes --------------------------------------------------------------------------------------------------


def test_any_number_of_workers_and_any_batch_size_give_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(700))
    found = []
    for workers, batch, near in ((1, 500, "keep"), (2, 37, "keep"), (3, 8, "keep")):
        monkeypatch.setattr("job.cleaning.first_pass.BATCH", batch)
        monkeypatch.setattr(parallel, "FIRST", 2)
        root = tmp_path / f"{workers}-{batch}"
        result = cleaned(path, base, root, workers=workers, near_duplicates=near)
        files = {name: (root / "clean" / f"{name}.jsonl").read_bytes() for name in ("train", "eval", "dropped")}
        found.append((files, result.model_dump()))
    assert found[0] == found[1] == found[2]
    assert sorted(path.name for path in (tmp_path / "1-500" / "clean").iterdir()) == [
        "dropped.jsonl",
        "eval.jsonl",
        "train.jsonl",
    ]


# --- duplicates and the split ----------------------------------------------------------------------------------------

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
    assert result.eval_rows == 24
    assert result.plain_split_leaked_rows > 10


def test_one_question_in_all_rows_can_still_be_split(base: Path, tmp_path: Path) -> None:
    rows = [{**row, "input": "What now?"} for row in make_rows(20)]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path, near_duplicates="off")
    assert (result.train_rows, result.eval_rows) == (18, 2)


def test_candidates_are_confirmed_by_their_text(tmp_path: Path) -> None:
    """All pairs of made-up texts that share four of five triples are found, and no other."""
    import random

    numbers = random.Random(4)
    texts = []
    for _ in range(60):
        words = [f"w{numbers.randrange(5000)}" for _ in range(120)]
        texts.append(" ".join(words))
        for changed in (2, 6, 25):
            other = words.copy()
            for _ in range(changed):
                other[numbers.randrange(120)] = f"x{numbers.randrange(5000)}"
            texts.append(" ".join(other))

    def jaccard(a: str, b: str) -> float:
        one, two = (set(zip(t.split(), t.split()[1:], t.split()[2:], strict=False)) for t in (a, b))
        return len(one & two) / len(one | two)

    duplicates.bands(texts).tofile(tmp_path / "bands")
    every = numpy.ones(len(texts), dtype=bool)
    found = set(duplicates.near_pairs(tmp_path / "bands", every, lambda row: texts[row]))
    similar = {
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, min(a + 4, len(texts)))
        if jaccard(texts[a], texts[b]) >= 0.84
    }
    assert similar <= found
    assert all(jaccard(texts[a], texts[b]) >= 0.76 for a, b in found)


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


# --- the audit trail -------------------------------------------------------------------------------------------------


def test_the_result_tells_what_each_rule_did_and_what_the_limit_cost(base: Path, tmp_path: Path) -> None:
    rows = make_rows(40)
    rows[0]["output"] = "The list is at jane@plants.org now. " + rows[0]["output"]
    rows[5]["output"] = rows[5]["output"].replace(
        "Take the", "Carry it out into the yard and set it on a dry board. Take the"
    )
    path = write_rows(tmp_path / "rows.jsonl", rows)
    result = cleaned(path, base, tmp_path, max_tokens=100)  # the rows have 87 tokens each, but for the one made longer
    assert result.rules["opening"].changed >= 39
    assert result.rules["opening"].examples[-1].before.startswith("Hello, thanks for your question.")
    assert result.rules["email"].changed == 1
    assert result.rules["email"].examples == []
    assert "jane@plants.org" not in result.model_dump_json()
    counts = result.token_counts
    assert sum(counts.rows) == result.train_rows + result.eval_rows
    assert counts.rows_above == result.dropped["too_many_tokens"]
    assert counts.rows_above == 1
    assert counts.longest_above > 100
    assert len(result.rules_sha256) == 64


def test_the_masked_rows_are_what_is_trained_on(base: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", make_rows(40))
    result = cleaned(path, base, tmp_path)
    first = read(tmp_path / result.train_path)[0]
    row = result.masked_rows[0]
    assert len(result.masked_rows) == 3
    assert first["question"] in "".join(row.tokens[: row.learned_from])
    assert "".join(row.tokens[row.learned_from :]).startswith(first["answer"])


def test_a_dropped_row_stands_there_as_it_was_found(base: Path, tmp_path: Path) -> None:
    rows = [
        *make_rows(40),
        {"instruction": "You repair things.", "input": "Why?", "output": "Hello. Too short. Regards"},
    ]
    result = cleaned(write_rows(tmp_path / "rows.jsonl", rows), base, tmp_path)
    (dropped,) = read(tmp_path / result.dropped_path)
    assert (dropped["reason"], dropped["answer"]) == ("short_answer", "Hello. Too short. Regards")


# --- tokens ----------------------------------------------------------------------------------------------------------

TEMPLATES = {
    "plain": "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}",
    "trims": "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
    "shouts": "{% for m in messages %}<{{ m.role }}>{{ m.content | upper }}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
    "counts": "{% for m in messages %}<{{ m.role }}{{ m.content | length }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant{% endif %}",
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_lengths_are_those_of_the_rows_whatever_the_template_does(template: str, base: Path) -> None:
    model = ModelSettings(base=str(base))
    tokenizer = load_tokenizer(fetch_files(model, "", weights=False), model)
    tokenizer.chat_template = TEMPLATES[template]
    chat = Chat(tokenizer)
    rows = [
        {"system": system, "question": question, "answer": answer}
        for system in ("", "You repair things.")
        for question in ("What?", " edges ", "a\n\nb", "</think> <x>", "{{ 1 }}")
        for answer in ("It is 1.\n2.", "{%", "ends \n", "é – 'x'")
    ]
    plain = [chat.text(row["system"], row["question"], row["answer"]) for row in rows]
    assert [chat._framed(row["system"], row["question"], row["answer"]) for row in rows] == plain
    tokens = [(found.prompt_length, len(found.ids) - found.prompt_length) for found in chat.rows(rows)]
    assert chat.lengths(rows) == tokens


# --- another engine --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_rules_run_on_ray_data(tmp_path: Path) -> None:
    """README's lines, on a local engine: the same rows and reasons as here."""
    ray = pytest.importorskip("ray", reason="`pip install '.[ray]'` brings it")
    import pyarrow

    rules = rules_of(DataSettings(sources=(Source.parse("quickstart"),), brands=("LeafTalk",), min_answer_words=5))
    rows = [{"question": row["input"], "answer": row["output"]} for row in make_rows(40)]
    rows.append({"question": "Why?", "answer": "Hello. Too short."})

    def batch(table: pyarrow.Table) -> pyarrow.Table:
        cleaned_rows, reasons = clean_batch(table.to_pylist(), rules)
        return pyarrow.Table.from_pylist(
            [row | {"reason": why} for row, why in zip(cleaned_rows, reasons, strict=True)]
        )

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        found = ray.data.from_items(rows).map_batches(batch, batch_format="pyarrow").take_all()
    finally:
        ray.shutdown()
    expected, reasons = clean_batch(rows, rules)
    key = lambda row: row["question"]  # noqa: E731
    assert sorted(found, key=key) == sorted(
        [row | {"reason": why} for row, why in zip(expected, reasons, strict=True)], key=key
    )
    assert reasons[-1] == "short_answer"

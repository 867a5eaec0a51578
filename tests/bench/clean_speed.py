"""How fast rows are cleaned, and in how much memory.

    python -m tests.bench.clean_speed                        made-up forum rows of real length, 112,165 of them
    python -m tests.bench.clean_speed --rows 10000000 --only decisions
    python -m tests.bench.clean_speed --source ./rows.jsonl --brands ChatDoctor

Rules alone on one core; the same with duplicates and near duplicates on all cores; the whole stage, which also counts
tokens with the quickstart's tokenizer (1,024 words: three times the tokens of a large vocabulary). The made-up rows carry
greetings, goodbyes, scrubbed sentences and lost blanks as often as the published data set does. Each line runs in a process
of its own.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from job.cleaning import duplicates, workers
from job.cleaning.batch import BATCH, Batch, Raw, process
from job.cleaning.rules import Rules, clean_batch
from job.hosts.libraries import usable_cpus
from job.quickstart.texts import forum_rows

ROWS = 112_165
ON_ONE_CORE = 6_000
BRAND = "Leafwise"


def made_rows(count: int) -> Iterator[dict[str, str]]:
    """Questions of about 90 words and answers of about 100, each with words of its own so that few are alike."""
    numbers = random.Random(5)
    texts = forum_rows(numbers, 400)
    words = sorted(
        {word.lower() for row in texts for word in row["output"].split() if word.isalpha() and len(word) > 3}
    )
    bodies = [" ".join(row["output"].split()) for row in texts]
    for number in range(count):
        parts = [numbers.choice(bodies) for _ in range(3)]
        middle = " ".join(parts)[: numbers.randrange(350, 750)].rsplit(".", 1)[0].split()
        for _ in range(len(middle) // 6):
            middle[numbers.randrange(len(middle))] = numbers.choice(words)
        draw = numbers.random
        opening = numbers.choice(
            (
                "Hello, ",
                "Hi. ",
                f"Thanks for your question on {BRAND}. ",
                "Hello dear, I understand your concern. ",
                "HelloThanks for query. ",
            )
        )
        closing = numbers.choice(
            (
                " Hope this helps. Regards",
                " Take care.",
                f" Wish you good luck. {BRAND}.",
                " Hope I have answered your query. Let me know if I can assist you further.",
                "",
            )
        )
        scrubbed = f" Ensure to {BRAND}. This keeps it green. " if draw() < 0.23 else " "
        half = len(middle) // 2
        answer = " ".join(middle[:half]) + "." + scrubbed + " ".join(middle[half:]).capitalize() + "."
        question = " ".join(numbers.choices(words, k=numbers.randrange(40, 140))) + f" {number}?"
        yield {
            "instruction": "You know plants.",
            "input": question.capitalize(),
            "output": (opening if draw() < 0.91 else "") + answer + (closing if draw() < 0.72 else ""),
        }  # fmt: skip


def read(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def batches(rows: Iterable[dict[str, str]], rules: Rules) -> Iterator[Batch]:
    coming = iter(rows)
    while some := list(islice(coming, BATCH)):
        yield Batch(0, [Raw(row.get("instruction", ""), row["input"], row["output"]) for row in some], rules)


def rules_alone(path: Path, rules: Rules, count: int) -> dict[str, Any]:
    rows = [{"question": row["input"], "answer": row["output"]} for row in islice(read(path), ON_ONE_CORE)]
    clean_batch(rows[:200], rules)
    best = min(_cpu_seconds(lambda: clean_batch(rows, rules)) for _ in range(3))
    return {"what": "rules and contact data, one core", "rows": len(rows), "seconds": best}


def _cpu_seconds(call: Any) -> float:
    """Of this process: on a shared machine, wall-clock time includes the work of others."""
    started = time.process_time()
    call()
    return time.process_time() - started


def with_duplicates(path: Path, rules: Rules, count: int) -> dict[str, Any]:
    """All that the stage does but tokens and files."""
    started = time.monotonic()
    function = functools.partial(process, system="", seed=1, near=True, repeats=True)
    import numpy

    texts: list[int] = []
    bands: list[bytes] = []
    for cleaned in workers.in_order(function, batches(read(path), rules), usable_cpus()):
        texts += cleaned.text
        bands.append(cleaned.bands)
    kept = numpy.ones(len(texts), dtype=bool)
    kept &= ~duplicates.repeats(numpy.array(texts, dtype=numpy.uint64), kept)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bands").write_bytes(b"".join(bands))
        pairs = sum(1 for _ in duplicates.near_pairs(Path(folder) / "bands", kept, lambda row: ()))
    seconds = time.monotonic() - started
    return {
        "what": f"the same with near duplicates ({pairs} candidates), {usable_cpus()} cores",
        "rows": count,
        "seconds": seconds,
    }


def whole_stage(path: Path, rules: Rules, count: int) -> dict[str, Any]:
    from job.cleaning.stage import clean
    from job.settings.fields import DataSettings, ModelSettings
    from job.settings.sources import Source

    started = time.monotonic()
    data = DataSettings(sources=(Source.parse(str(path)),), brands=rules.brands)
    with tempfile.TemporaryDirectory() as root:
        result = clean(
            data, ModelSettings(base="quickstart"), max_tokens=2048, loss="answers", seed=42, token="", root=Path(root)
        )
    seconds = time.monotonic() - started
    kept = (result.train_rows + result.eval_rows) / result.rows_in
    what = f"the whole stage with token counts and files, {usable_cpus()} cores; {kept:.0%} kept"
    return {"what": what, "rows": count, "seconds": seconds}


def decisions(path: Path, rules: Rules, count: int) -> dict[str, Any]:
    """Duplicates, groups and split of `count` rows, from the numbers that the first pass would have kept."""
    from array import array
    from types import SimpleNamespace

    import numpy

    from job.cleaning.decisions import decide
    from job.settings.fields import DataSettings
    from job.settings.sources import Source

    numbers = numpy.random.default_rng(0)

    def column() -> array[int]:
        made = array("Q")
        for start in range(0, count, 1_000_000):
            made.frombytes(numbers.integers(0, 2**63, size=min(1_000_000, count - start), dtype=numpy.uint64).tobytes())
        return made

    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "bands").open("wb") as file:
            for start in range(0, count, 200_000):
                shape = (min(200_000, count - start), duplicates.BANDS)
                file.write(numbers.integers(0, 2**63, size=shape, dtype=numpy.uint64).tobytes())
        columns = {name: column() for name in ("text", "question", "sample", "split", "offset")}
        sizes = {"source": array("H", bytes(2 * count)), "lists": array("B", bytes(count))}
        sizes |= {name: array("I", bytes(4 * count)) for name in ("tokens", "answer_tokens")}
        first: Any = SimpleNamespace(folder=Path(folder), words=lambda row: (), **columns, **sizes)
        started = time.monotonic()
        decide(first, DataSettings(sources=(Source.parse("quickstart"),)), 42, near=True)
        return {
            "what": "duplicates, near duplicates and split alone",
            "rows": count,
            "seconds": time.monotonic() - started,
        }


def repeats(path: Path, rules: Rules, count: int) -> dict[str, Any]:
    """Counting what repeats, from made-up hashes of which three in ten are one of twenty sentences."""
    import numpy

    from job.cleaning import repeated

    numbers = numpy.random.default_rng(0)
    sides, levels = len(repeated.SIDES), repeated.LEVELS
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "edges").open("wb") as file:
            for start in range(0, count, 200_000):
                shape = (min(200_000, count - start), sides, levels)
                made = numbers.integers(2, 2**32, size=shape, dtype=numpy.uint32) | 1
                often = numbers.random(shape[:2]) < 0.3
                made[:, :, 0][often] = 2 * numbers.integers(0, 20, size=often.sum(), dtype=numpy.uint32) + 101
                file.write(made.tobytes())
        edges = numpy.memmap(Path(folder) / "edges", numpy.uint32, "r", shape=(count, sides, levels))
        text = "Stay well. Turn the valve to the left. Then wait for a green light. Go on now. Come again."
        started = time.monotonic()
        found = repeated.found(edges, lambda row: (text, text))
        seconds = time.monotonic() - started
    return {"what": f"repeated sentences alone, {len(found)} found", "rows": count, "seconds": seconds}


LINES = {
    "rules": rules_alone,
    "duplicates": with_duplicates,
    "stage": whole_stage,
    "decisions": decisions,
    "repeated": repeats,
}


def measured(name: str, path: Path, rules: Rules, count: int, answer: Any) -> None:
    found = LINES[name](path, rules, count)
    own, children = (
        resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    answer.put(found | {"gib": own + children * usable_cpus()})


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--source", type=Path, help="JSONL with instruction, input and output, instead of made-up rows")
    parser.add_argument("--brands", default=BRAND)
    parser.add_argument("--only", default="rules,duplicates,stage", help=f"of {', '.join(LINES)}")
    options = parser.parse_args()
    rules = Rules(brands=tuple(options.brands.split(",")))
    with tempfile.TemporaryDirectory() as folder:
        path = options.source or Path(folder) / "rows.jsonl"
        names = options.only.split(",")
        made_up = set(names) <= {"decisions", "repeated"}
        if not options.source and not made_up:
            with path.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in made_rows(options.rows))
        count = options.rows if made_up else sum(1 for _ in path.open("rb"))
        print("| | rows | seconds | rows/s | GiB at most |\n|---|---:|---:|---:|---:|")
        spawn = multiprocessing.get_context("spawn")
        for name in names:
            answer = spawn.Queue()
            child = spawn.Process(target=measured, args=(name, path, rules, count, answer))
            child.start()
            found = answer.get()
            child.join()
            print(
                f"| {found['what']} | {found['rows']:,} | {found['seconds']:.1f} | {found['rows'] / found['seconds']:,.0f} | "
                f"{found['gib']:.2f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())

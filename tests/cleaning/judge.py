"""How much of the rows that nobody has read is kept, and how much of that the judge still flags.

Cleaned as by default: each source gets the packs that its own rows call for (FINETUNE_DATA_CLEANING=auto). The last line says
how many forum rows are kept where the packs are named, whose minimum of words drops short answers.

    python -m tests.cleaning.judge                                   counts alone, a line for each source
    python -m tests.cleaning.judge --half read                       the same for the half that rules may be tuned on
    python -m tests.cleaning.judge --sample 100 --out /tmp/kept.txt  random kept answers of the unread half, for a reader

Rows with an even index in their file may be read. Those with an odd one are unread, unless the same question and answer stand
among the even ones; a row that occurs twice counts once. A sample holds texts: it goes to a file outside the project.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from job.cleaning.evidence import SAMPLE, evidence, rules_for
from job.cleaning.rules import Rules, clean_batch
from tests.cleaning.detector import CLASSES, flags
from tests.conftest import PROJECT

DATA = PROJECT.parent / "shared" / "data"
FILES = ("dev.jsonl", "more.jsonl")
BRANDS = ("ChatDoctor", "HealthCareMagic", "iCliniq")
FORUMS = ("hcm", "icliniq", "questiondoctors")
HALVES = ("read", "unread")

Row = dict[str, str]


def rows_of(half: str, folder: Path = DATA, files: Sequence[str] = FILES) -> list[Row]:
    """The distinct rows of one half as question, answer and source, in the files' order."""
    halves: dict[str, dict[tuple[str, str], Row]] = {name: {} for name in HALVES}
    for file in files:
        for index, line in enumerate((folder / file).read_text("utf-8").splitlines()):
            found = json.loads(line)
            row = {"question": found["input"], "answer": found["output"], "source": found["source"]}
            halves[HALVES[index % 2]].setdefault((row["question"], row["answer"]), row)
    return [row for key, row in halves[half].items() if half == "read" or key not in halves["read"]]


def default_rules(rows: Sequence[Row]) -> Rules:
    """What FINETUNE_DATA_CLEANING=auto chooses for the rows of a source."""
    found = evidence([(row["question"], row["answer"]) for row in rows[:SAMPLE]])
    return rules_for(found, Rules(packs=("auto",), brands=BRANDS))


def kept_of(rows: Sequence[Row], rules: Rules | None = None) -> list[tuple[Row, str]]:
    """The rows that cleaning keeps, each with its cleaned answer; sources are cleaned one by one, as by default."""
    kept = []
    for source in dict.fromkeys(row["source"] for row in rows):
        of_source = [row for row in rows if row["source"] == source]
        cleaned, reasons = clean_batch(of_source, rules or default_rules(of_source))
        kept += [(row, c["answer"]) for row, c, reason in zip(of_source, cleaned, reasons, strict=True) if not reason]
    return kept


def counts(rows: Sequence[Row]) -> list[str]:
    """A line for each source and one for all forums: rows, share kept, share of those flagged, classes; and the share that is
    kept where packs are named."""
    kept = kept_of(rows)
    found = [(row["source"], flags(answer, BRANDS)) for row, answer in kept]
    sources = sorted({row["source"] for row in rows})
    groups: list[tuple[str, tuple[str, ...]]] = [(source, (source,)) for source in sources]
    groups.append(("all forums", tuple(source for source in sources if source.startswith(FORUMS))))
    lines = []
    for name, members in groups:
        count = sum(row["source"] in members for row in rows)
        of_group = [classes for source, classes in found if source in members]
        flagged = [classes for classes in of_group if classes]
        by_class = Counter(name for classes in flagged for name in classes)
        shown = ", ".join(f"{name} {by_class[name]}" for name in CLASSES if by_class[name])
        shares = f"kept {len(of_group) / max(count, 1):6.1%}, flagged {len(flagged) / max(len(of_group), 1):6.1%}"
        lines.append(f"{name:28} {count:5} rows, {shares}  {shown}")
    forum = [row for row in rows if row["source"].startswith(FORUMS)]
    named = len(kept_of(forum, Rules(brands=BRANDS))) / max(len(forum), 1)
    return [*lines, f"{'with named packs':28} {len(forum):5} rows, kept {named:6.1%}"]


def write_sample(rows: Sequence[Row], size: int, path: Path, seed: int) -> int:
    """Published and cleaned answers of random kept forum rows, for a reader who counts what is left and what is lost."""
    if path.resolve().is_relative_to(PROJECT):
        raise SystemExit(
            f"{path} lies in the project, which holds no rows of others: name a file outside of it with --out."
        )
    kept = [(row, answer) for row, answer in kept_of(rows) if row["source"].startswith(FORUMS)]
    chosen = random.Random(seed).sample(kept, min(size, len(kept)))
    parts = [
        f"=== {number} {row['source']}\n--- published\n{row['answer']}\n--- cleaned\n{answer}\n"
        for number, (row, answer) in enumerate(chosen, 1)
    ]
    path.write_text("\n".join(parts), "utf-8")
    return len(chosen)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, default="unread")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with dev.jsonl and more.jsonl")
    parser.add_argument("--sample", type=int, default=0, help="number of kept answers to write instead of counts")
    parser.add_argument("--out", type=Path, help="file for them, outside the project")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if bool(given.sample) != bool(given.out):
        parser.error("--sample and --out go together: how many answers, and the file to write them to")
    rows = rows_of(given.half, given.data)
    if given.sample:
        print(f"{write_sample(rows, given.sample, given.out, given.seed)} kept answers written to {given.out}")
    else:
        print("\n".join(counts(rows)))


if __name__ == "__main__":
    main()

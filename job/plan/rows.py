"""A sample of each source, cleaned as the run would clean it, and how many rows it lets expect."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from job.results import Evidence, RuleCount
from job.settings.fields import Settings
from job.settings.files import read_text
from job.settings.sources import Source
from job.training.intervals import steps_of

if TYPE_CHECKING:
    from job.cleaning.rules.rule import Rules
    from job.modeling.chat import Chat
    from job.modeling.examples import Length
    from job.plan.facts import Facts

ROWS = 200
"""Of each source, spread evenly over what is read of it."""
MOST_READ = 20_000
"""Rows of a local source, read in 0.2 s as .jsonl. Of one on the Hub only the sample is fetched."""
MOST_CHARACTERS = 64_000_000
"""Fewer rows do if they are that long."""
MOST_COUNTED_BYTES = 2 * 2**30
"""Of a .jsonl file, whose lines are counted in 2 s; a packed one may have a tenth, since unpacking takes that much longer."""
BYTES_PER_TOKEN = 4
"""Of UTF-8, where no tokenizer is at hand: English has 4 to 5, Chinese 3 to 4."""
MOST_SHOWN = 120
"""Characters of a dropped row."""


@dataclass(frozen=True)
class Sample:
    format: str
    columns: tuple[str, ...]
    layout: str
    rows: int
    total: int | None
    """Rows of the source; None if counting them means reading all of it."""
    read: int
    """Rows from which the sample was taken."""
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    """Reason -> rows of the sample, the most frequent first."""
    shown: dict[str, str] = field(default_factory=dict)
    """Reason -> the beginning of one such row, without contact data."""
    rules: dict[str, RuleCount] = field(default_factory=dict)
    """What each rule that ran did to the sample."""
    tokens: list[int] = field(default_factory=list)
    """Of each row that no rule drops the length of its longest text, those above the limit included, in order."""
    answers: list[int] = field(default_factory=list)
    """Tokens of the last answer of each kept row."""
    texts_per_row: float = 1.0
    """Texts that a kept row is trained as: more than one where a conversation is split, or the template demands it."""
    text_tokens: float = 0.0
    """The mean length of these texts."""
    evidence: list[Evidence] = field(default_factory=list)
    """What the first rows show for each pack of rules, where FINETUNE_DATA_CLEANING is auto."""
    notes: dict[str, int] = field(default_factory=dict)
    """What was done to turns of conversations, by the names of the registry's NOTES."""
    turns_in: int = 0
    """Turns of the conversations that are kept, as they came."""
    turns_out: int = 0
    """The same after the rules and the limit on tokens."""
    system: str = ""
    """The most frequent system prompt of the kept rows."""

    @property
    def share(self) -> float:
        return self.kept / self.rows if self.rows else 0.0

    @property
    def is_all(self) -> bool:
        """Whether every row of the source is in the sample."""
        return self.rows == self.total


def count_rows(paths: Sequence[Path], format: str) -> int | None:
    """Rows of local files, `format` being what the reader found in them; None if counting means reading all of them."""
    if format.endswith("Parquet"):
        import pyarrow.parquet

        return sum(int(pyarrow.parquet.read_metadata(path).num_rows) for path in paths)
    sizes = sum(path.stat().st_size * (10 if path.suffix == ".gz" else 1) for path in paths)
    if "JSON lines" not in format or any(path.suffix == ".zst" for path in paths) or sizes > MOST_COUNTED_BYTES:
        return None
    return sum(_count_lines(path) for path in paths)


def _count_lines(path: Path) -> int:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def take(source: Source, settings: Settings, token: str, chat: Chat | None) -> Sample:
    """Read, clean and measure a sample. `chat`: the base's, if it can be had; without it tokens are estimated.

    Raises what reading and cleaning raise: DataError (65), SettingsError (64), and the Hub's (66, 67, 76).
    """
    from job.cleaning import sources

    most = MOST_READ if source.is_local else ROWS
    loaded = sources.sample(source, settings.data, token, most)
    raws: list[Any] = []
    characters = 0
    for raw in loaded.rows:
        raws.append(raw)
        characters += len(repr(raw))
        if characters > MOST_CHARACTERS:
            break
    total = count_rows(source.list_files(), loaded.format) if source.is_local else loaded.total
    if len(raws) < most and characters <= MOST_CHARACTERS:
        total = len(raws)
    picked = [raws[place * len(raws) // ROWS] for place in range(ROWS)] if len(raws) > ROWS else raws
    sample = Sample(loaded.format, loaded.columns, loaded.layout, rows=len(picked), total=total, read=len(raws))
    rules, found = _rules(raws, settings)
    return _cleaned(replace(sample, evidence=found), picked, source, settings, rules, chat or Estimate())


def _rules(raws: list[Any], settings: Settings) -> tuple[Rules, list[Evidence]]:
    """The rules for a source, and what its first rows show for each pack, which is nothing where the user named the packs.
    The run looks at up to 1,000 rows, also of a data set on the Hub."""
    from job.cleaning.evidence import SAMPLE, evidence, exchanges_of, rules_for
    from job.cleaning.stage import rules_of

    rules = rules_of(settings.data)
    if rules.packs != ("auto",):
        return rules, []
    system = read_text(settings.data.system_prompt_file)
    found = evidence([one for raw in raws[:SAMPLE] for one in exchanges_of(raw, system)])
    return rules_for(found, rules), found


def _cleaned(
    sample: Sample, raws: list[Any], source: Source, settings: Settings, rules: Rules, chat: Chat | Estimate
) -> Sample:
    """With what the run's own first pass makes of the rows of the sample, in memory."""
    from job.cleaning.audit import counts
    from job.cleaning.batch import Batch, process
    from job.cleaning.first_pass import FirstPass

    data = settings.data.model_copy(update={"sources": (source,)})
    if isinstance(chat, Estimate) and data.long_chats == "split":  # parts need a tokenizer; as many tokens are kept
        data = data.model_copy(update={"long_chats": "cut"})
    train, system = settings.train, read_text(data.system_prompt_file)
    first = FirstPass(data, cast("Chat", chat), Path(), max_tokens=train.max_tokens, loss=train.loss_on, rules=rules)
    first.kept_file = kept = io.BytesIO()
    first.bands_file = first.edges_file = first.dropped_file = io.BytesIO()
    batch = process(Batch(0, raws, rules), system=system, seed=train.seed, near=False, repeats=False)
    first.take(batch)
    first.dropped["duplicate"] += len(first.text) - len(set(first.text))
    found = (row or raw.fields() for row, raw in zip(reversed(batch.rows), reversed(raws), strict=True))
    reasons = zip(found, reversed(batch.reasons), strict=True)
    return replace(
        sample,
        dropped={reason: count for reason, count in first.dropped.most_common() if count},
        shown={reason: _beginning(row) for row, reason in reasons if reason},
        rules=counts(first.tally, len(raws), first.dropped, rules),
        tokens=sorted([*first.longest, *first.too_long]),
        answers=[_answer_tokens(json.loads(line), chat) for line in kept.getvalue().splitlines()],
        texts_per_row=sum(first.parts) / len(first.parts) if first.parts else 1.0,
        text_tokens=sum(first.tokens) / sum(first.parts) if first.parts else 0.0,
        notes={note: count for note, count in first.notes.most_common() if count},
        turns_in=first.turns_in,
        turns_out=first.turns_in - first.turns_lost,
        system=first.prompts.most_common(1)[0][0] if first.prompts else "",
        kept=len(set(first.text)),
    )


class Estimate:
    """In place of a Chat: lengths of rows without a tokenizer."""

    takes_tools = knows_calls = shows_reasoning = True

    def lengths(self, rows: list[dict[str, Any]], loss: str) -> list[Length]:
        """The marks of JSON stand for those of the chat template."""
        from job.modeling.examples import Length

        texts = [json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") for row in rows]
        return [Length(tokens, tokens, tokens) for tokens in (len(text) // BYTES_PER_TOKEN for text in texts)]


def _answer_tokens(row: dict[str, Any], chat: Chat | Estimate) -> int:
    from job.probing import limit
    from job.probing.questions import question_of

    text = question_of(row).reference
    if isinstance(chat, Estimate):
        return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
    return limit.tokens_of(text, chat)


def _beginning(row: dict[str, Any]) -> str:
    """The answer first, which most rules judge; of a row that could not be read where it stands."""
    from job.cleaning.rules.contacts import masked

    text = masked(
        json.dumps(
            {name: row[name] for name in (row if "begins" in row else sorted(row)) if name != "system"},
            ensure_ascii=False,
        )
    )
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


# --- what the samples let expect -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """Rows and steps of the run, as the samples let expect."""

    kept: int | None
    """Rows after cleaning; None if some source's number of rows is unknown."""
    certainty: str
    """`exactly` where every row is in a sample, `about`, or `at most` where a source could not be sampled."""
    train_rows: int
    eval_rows: int
    train_texts: int
    """What the rows for training are trained as, a step taking so many texts; more than the rows where conversations are
    split."""
    eval_texts: int
    steps: int | None
    text_tokens: float
    """The mean of these texts; 0 without any."""
    lengths: tuple[int, ...] = ()
    """Of the rows of the samples that are kept, in order: how evenly a step can be shared out."""

    @property
    def in_parts(self) -> bool:
        """Whether rows are trained as several texts each. How many of these go to evaluation depends on the split."""
        return self.train_texts > self.train_rows


def expected(samples: list[tuple[Source, Sample | None]], settings: Settings) -> Expected:
    """The share of a sample that is kept, times the rows of its source. Near duplicates and a limit on lists are left out."""
    data, train = settings.data, settings.train
    kept = [_kept(source, sample) for source, sample in samples]
    total = _total(kept, data.max_rows)
    found = [sample for _, sample in samples if sample]
    if len(found) < len(samples) or None in kept:
        certainty = "at most"
    else:
        certainty = "exactly" if all(sample.is_all for sample in found) else "about"
    rows = total or 0
    eval_rows = max(1, min(round(rows * data.eval_fraction), rows - 1)) if rows > 1 else 0
    train_rows = rows - eval_rows
    train_texts, eval_texts = (round(part * _texts_per_row(found)) for part in (train_rows, eval_rows))
    return Expected(
        kept=total,
        certainty=certainty,
        train_rows=train_rows,
        eval_rows=eval_rows,
        train_texts=train_texts,
        eval_texts=eval_texts,
        steps=steps_of(train_texts, train) if total is not None else None,
        text_tokens=_mean([(sample.text_tokens, sample.kept * sample.texts_per_row) for sample in found]),
        lengths=tuple(sorted(one for sample in found for one in sample.tokens if one <= train.max_tokens)),
    )


def _texts_per_row(samples: list[Sample]) -> float:
    """Of the rows that are kept; a source counts by its size, if that is known."""
    return _mean([(one.texts_per_row, one.share * one.total if one.total else one.kept) for one in samples]) or 1.0


def _mean(weighted: list[tuple[float, float]]) -> float:
    """Of (value, weight); 0 without any weight."""
    weight = sum(weight for _, weight in weighted)
    return sum(value * weight for value, weight in weighted) / weight if weight else 0.0


def _total(kept: list[int | None], max_rows: int) -> int | None:
    """Rows of all sources together. Where those of one are unknown, the wanted number stands for them."""
    known = [rows for rows in kept if rows is not None]
    if not kept:
        return None
    if len(known) < len(kept):
        return max_rows or None
    return min(sum(known), max_rows or sum(known))


def _kept(source: Source, sample: Sample | None) -> int | None:
    """Rows of a source that are left; with a wanted number that number, as long as nothing says that there are fewer."""
    if sample is None:
        return source.rows or None
    if sample.total is None:
        return source.rows or (0 if not sample.kept else None)
    left = round(sample.share * sample.total)
    return min(source.rows, left) if source.rows else left


# --- lines -----------------------------------------------------------------------------------------------------------


def source_lines(facts: Facts) -> Iterator[str]:
    """What each source holds, and what is left of it after cleaning."""
    for source, found in facts.samples:
        sample = found.value
        if not sample:
            yield f"  {source}: not read: {found.problem}"
            continue
        rows = f"{sample.total:,} rows" if sample.total is not None else f"more than {sample.read:,} rows"
        yield f"  {source}: {rows} ({sample.format}; columns {', '.join(sample.columns)}), layout {sample.layout}"
        of = "all" if sample.is_all else f"a sample of {sample.rows:,} from the first {sample.read:,}"
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sample.dropped.items())
        yield f"    {of}: {sample.kept:,} kept" + (f"; dropped: {reasons}" if reasons else "")
        for reason in sample.dropped:
            if reason in sample.shown and reason not in sample.rules:  # what rules drop is shown with them
                yield f"    {reason}: {sample.shown[reason]}"
        if sample.notes:
            yield f"    turns: {', '.join(f'{note} {count:,}' for note, count in sample.notes.items())}"
        yield f"    {_lengths(sample.tokens, facts)}"
    wanted = facts.expected
    if wanted.kept is None:
        yield "  rows after cleaning: unknown until the run counts them"
    else:
        yield (
            f"  {wanted.certainty} {wanted.kept:,} rows after cleaning: {wanted.train_rows:,} for training, "
            f"{wanted.eval_rows:,} for evaluation"
            + (f", as {wanted.train_texts:,} and {wanted.eval_texts:,} texts" if wanted.in_parts else "")
        )


def _lengths(tokens: list[int], facts: Facts) -> str:
    if not tokens:
        return "no row to measure"
    limit = facts.settings.train.max_tokens
    above = sum(length > limit for length in tokens)
    how = (
        "" if facts.chat else f", estimated as {BYTES_PER_TOKEN} bytes a token: the base's tokenizer cannot be read now"
    )
    return (
        f"tokens a row: median {median(tokens):,.0f}, 95 % up to {tokens[len(tokens) * 95 // 100]:,}, longest {tokens[-1]:,}; "
        f"{above:,} above FINETUNE_TRAIN_MAX_TOKENS ({limit:,}){how}"
    )


def rule_lines(facts: Facts) -> Iterator[str]:
    """Each rule that changes or drops a row of a sample, with examples; contact data is masked."""
    from job.cleaning.evidence import said

    for source, found in facts.samples:
        if not (sample := found.value):
            continue
        yield f"  {source}"
        for one in sample.evidence:
            sign = f", such as {_quoted(one.example)}" if one.example else ""
            yield f"    pack {one.pack} {'on' if one.on else 'off'}: {said(one)}{sign}"
        acted = {
            name: count for name, count in sample.rules.items() if count.changed or count.dropped or count.exchanges
        }
        for name, count in acted.items():
            cut = f", cuts {count.exchanges:,} exchanges from conversations" if count.exchanges else ""
            yield f"    {name}: changes {count.changed:,}, drops {count.dropped:,} of {count.seen:,} rows{cut}"
            for example in count.examples:
                yield f"      before  {_quoted(example.before)}"
                yield f"      after   {_quoted(example.after)}"
            if name in sample.shown:
                yield f"      dropped {sample.shown[name]}"
        if not acted:
            yield "    no rule changes or drops a row"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

"""The report: one page that opens offline, at every ending of a run.

For the person who paid for the run: what came out, what was thrown away, what the model says now. Knows the results and
three files of the run folder (train/log.jsonl, the probe's samples, the dropped rows, of which it takes counts alone), and
nothing of how they came about. What is not there yet is left out, never a reason to fail.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from job.errors import EXIT_CODES
from job.results import Cleaned, Example, LogEntry, Metrics, PushedRepo, Result, Sample, Scores, TokenCounts
from job.runs.folder import write_text

R = TypeVar("R", bound=Result)
Dropped = Mapping[str, Mapping[str, int]]
"""Source -> reason -> rows."""

NO_BREAK = "\u00a0"
MINUS = "\u2212"
STAGE_WORDS = {"check": "checks", "clean": "cleaning", "train": "training", "probe": "probing"}
OWN = "own:"
"""Before the names of the user's own rules."""
CONTACT_RULES = ("email", "link", "phone", "signature", "own_name")
"""Counted and never quoted: the page shows no example of them even where a result has one."""
RULE_WORDS = {
    "empty": "question or answer is empty",
    "enormous": "too long to be a row of text",
    "binary": "binary data instead of text",
    "repair": "escapes, broken encoding, odd blanks and line ends put right",
    "placeholder": "a forum's note in place of an attachment",
    "wiki_markup_cut": "wiki markup taken out, its words kept",
    "opening": "greetings and thanks at the beginning",
    "closing": "good wishes and sign-offs at the end",
    "cut_off_end": "a last sentence that breaks off",
    "courtesy_inside": "sentences of pure courtesy in the middle",
    "hole": "sentences around a brand name",
    "capital": "a capital for the first letter after a cut",
    "email": "e-mail addresses",
    "link": "links",
    "phone": "phone numbers",
    "signature": "signatures",
    "own_name": "people's own names",
    "nothing_but_boilerplate": "the cuts left nothing",
    "holes": "too much went with brand names",
    "unstable": "cutting came to no end",
    "wiki_markup": "wiki markup that cannot be taken apart",
    "cut_off": "the answer breaks off",
    "repetitive": "the answer runs in circles",
    "other_language": "in none of FINETUNE_DATA_LANGUAGES",
    "short_answer": "fewer words than FINETUNE_DATA_MIN_ANSWER_WORDS",
    "too_many_words": "more words than FINETUNE_DATA_MAX_WORDS",
}
"""What a rule takes, or why it drops a row; one that is not named here stands by its name alone."""
CAPS = ("list_over_share", "not_sampled")
"""Reasons for which rows go after lists are counted."""
LONG_TEXT = 600
"""Characters; a longer training row is folded away."""


def write_report(root: Path, metrics: Metrics) -> None:
    """Render the run in `root` into `root/report.html`."""
    log = read_lines(root / "train" / "log.jsonl", LogEntry)
    samples_path = metrics.probe.samples_path if metrics.probe else "probe/samples.jsonl"
    samples = read_lines(root / samples_path, Sample)
    dropped = read_dropped(root / metrics.clean.dropped_path) if metrics.clean else {}
    write_text(root / "report.html", render(metrics, log, samples, dropped))


def read_lines(path: Path, kind: type[R]) -> list[R]:
    """The whole lines of a JSONL file; torn ones are left out, a missing file is empty."""
    found = []
    for line in _lines(path):
        try:
            found.append(kind.model_validate_json(line))
        except ValueError:
            continue
    return found


def read_dropped(path: Path) -> dict[str, Counter[str]]:
    """How many rows of each source went for each reason; their text stays in the file."""
    counts: dict[str, Counter[str]] = {}
    for line in _lines(path):
        try:
            row = json.loads(line)
            counts.setdefault(str(row["source"]), Counter())[str(row["reason"])] += 1
        except (ValueError, KeyError, TypeError):
            continue
    return counts


def _lines(path: Path) -> Iterator[str]:
    """Line by line, since dropped rows may be many; nothing where the file is missing or cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError:
        return


def render(metrics: Metrics, log: Sequence[LogEntry], samples: Sequence[Sample], dropped: Dropped | None = None) -> str:
    """The page. The same arguments give the same bytes."""
    page = ENVIRONMENT.get_template("page.html.jinja").render(
        m=metrics,
        heading=heading(metrics),
        verdict=verdict(metrics, log),
        meaning=EXIT_CODES.get(metrics.exit_code) if metrics.exit_code is not None else None,
        base_model=_setting(metrics, "model", "base"),
        adapter_repo=adapter_repo(metrics),
        tiles=list(tiles(metrics, log)),
        charts=[loss_chart(metrics, log, shape) for shape in ("wide", "narrow")] if points(log) else [],
        evaluations=evaluations(log),
        best_step=metrics.train.best_step if metrics.train else None,
        funnel=funnel(metrics.clean) if metrics.clean else [],
        dropped=dropped or {},
        lists=list_counts(metrics.clean, dropped or {}) if metrics.clean else [],
        rules=rule_rows(metrics.clean) if metrics.clean else [],
        contact_rules=CONTACT_RULES,
        lengths=lengths(metrics.clean.token_counts) if metrics.clean else [],
        max_tokens=_setting(metrics, "train", "max_tokens"),
        near_duplicates=_setting(metrics, "data", "near_duplicates"),
        masks=masks(metrics.clean) if metrics.clean else [],
        scores=list(score_rows(metrics)),
        questions=[sample for sample in samples if sample.source == "question"],
        eval_rows=[sample for sample in samples if sample.source == "eval_row"],
        parts=shares_of(metrics.train.adapter_parts_bytes) if metrics.train else [],
        timings=shares_of(metrics.stage_seconds),
        settings=list(flat(metrics.settings)),
    )
    return page.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate in a setting could not be written


# --- numbers and words for people ------------------------------------------------------------------------------------


def count(value: float) -> str:
    return f"{value:,.0f}"


def share(value: float) -> str:
    """Few are never shown as none, nor nearly all as all."""
    if not math.isfinite(value):
        return "–"
    if 0 < value < 0.0005:
        return f"<{NO_BREAK}0.1{NO_BREAK}%"
    if 0.9995 < value < 1:
        return f">{NO_BREAK}99.9{NO_BREAK}%"
    percent = f"{value * 100:.0f}" if value in (0, 1) or 0.0995 <= value < 0.995 else f"{value * 100:.1f}"
    return f"{percent}{NO_BREAK}%"


def signed(value: float, unit: str = "") -> str:
    """`−38`, `+4`, `±0`: a real minus sign, since a hyphen is lost between digits."""
    if not math.isfinite(value):
        return "–"
    rounded = round(value)
    sign = "±" if rounded == 0 else "+" if rounded > 0 else MINUS
    return f"{sign}{abs(rounded):,}{NO_BREAK + unit if unit else ''}"


def loss_text(value: float) -> str:
    if not math.isfinite(value):
        return "not a number"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def size(value: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if value < 999.95:
            return f"{value:,.0f}{NO_BREAK}{unit}" if unit == "bytes" else f"{value:.1f}{NO_BREAK}{unit}"
        value /= 1000
    return f"{value:,.2f}{NO_BREAK}GB"


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f}{NO_BREAK}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours:,}{NO_BREAK}h {minutes_left}{NO_BREAK}min"
    return f"{minutes}{NO_BREAK}min {rest}{NO_BREAK}s"


def moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return text


def words(name: str) -> str:
    """`short_answer` as a person writes it; `own:price_list` keeps the name that the user gave it."""
    return f"own rule {name.removeprefix(OWN)}" if name.startswith(OWN) else name.replace("_", " ")


def heading(metrics: Metrics) -> str:
    stage = STAGE_WORDS.get(metrics.stage, metrics.stage)
    return {
        "succeeded": "Succeeded",
        "failed": f"Failed in stage “{stage}”",
        "stopped": f"Stopped in stage “{stage}”",
        "running": f"Running: stage “{stage}”",
    }[metrics.status]


def verdict(metrics: Metrics, log: Sequence[LogEntry]) -> str:
    """What the run achieved, in a sentence; as far as it came."""
    parts = [*_loss_words(metrics, log), *_answer_words(metrics)]
    if not parts and metrics.clean:
        kept = metrics.clean.train_rows + metrics.clean.eval_rows
        parts = [
            f"{count(kept)} of {count(metrics.clean.rows_in)} rows are clean and kept; no adapter is evaluated yet"
        ]
    if not parts:
        return "There is no result yet." if metrics.status == "running" else "The run ended before any result."
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def _loss_words(metrics: Metrics, log: Sequence[LogEntry]) -> Iterator[str]:
    before, best = base_loss(metrics, log), best_evaluation(metrics, log)
    if best is None:
        return
    so_far = "" if metrics.train else f" so far, at step {best[0]:,}"
    if before is None or not before:
        yield f"eval loss {loss_text(best[1])}{so_far}"
        return
    change = signed((best[1] / before - 1) * 100, "%")
    worse = ", no better than the base model" if best[1] >= before else ""
    yield f"eval loss {loss_text(before)} → {loss_text(best[1])} ({change}){so_far}{worse}"


def _answer_words(metrics: Metrics) -> Iterator[str]:
    if not metrics.probe:
        return
    base, tuned = metrics.probe.base, metrics.probe.tuned
    if base.opening_filler_share or tuned.opening_filler_share:
        filler = f"{share(base.opening_filler_share)} → {share(tuned.opening_filler_share)}"
        yield f"filler openers {filler} of answers"
    if share(base.stopped_share) != share(tuned.stopped_share):
        yield f"answers that stop by themselves {share(base.stopped_share)} → {share(tuned.stopped_share)}"


def adapter_repo(metrics: Metrics) -> PushedRepo | None:
    repositories = metrics.push.repositories if metrics.push else []
    return next((repo for repo in repositories if repo.kind == "model"), None)


def _setting(metrics: Metrics, section: str, field: str) -> str:
    """Empty where the settings were wrong and are not known."""
    fields = metrics.settings.get(section)
    return str(fields.get(field, "")) if isinstance(fields, dict) else ""


def flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`train.max_tokens`, `512`"""
    for section, value in settings.items():
        for field, inner in value.items() if isinstance(value, dict) else [("", value)]:
            yield f"{section}.{field}".rstrip("."), _setting_text(inner)


def _setting_text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting_text, value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


# --- tables and bars -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """One of the few figures at the top."""

    name: str
    value: str
    note: str


def tiles(metrics: Metrics, log: Sequence[LogEntry]) -> Iterator[Tile]:
    before, best = base_loss(metrics, log), best_evaluation(metrics, log)
    if best:
        yield Tile("eval loss", loss_text(best[1]), f"base model {loss_text(before)}" if before is not None else "")
    if metrics.probe:
        base, tuned = metrics.probe.base, metrics.probe.tuned
        yield Tile(
            "filler openers", share(tuned.opening_filler_share), f"base model {share(base.opening_filler_share)}"
        )
        yield Tile("stop by themselves", share(tuned.stopped_share), f"base model {share(base.stopped_share)}")
    if metrics.clean:
        yield Tile("training rows", count(metrics.clean.train_rows), f"of {count(metrics.clean.rows_in)} read")
    if metrics.train:
        trainable = metrics.train.trainable_parameters / max(metrics.train.total_parameters, 1)
        yield Tile("adapter", size(metrics.train.adapter_bytes), f"{share(trainable)} of all parameters trained")
    stages = sum(metrics.stage_seconds.values())
    if stages > metrics.seconds:  # earlier starts did a part
        yield Tile("time", duration(stages), f"this start {duration(metrics.seconds)}")
    else:
        yield Tile("time", duration(metrics.seconds), "")


@dataclass(frozen=True)
class Bar:
    """A row of a table with a bar: where it starts and how long it is, both as shares of the whole."""

    name: str
    value: float
    start: float
    share: float
    kind: str = ""


def funnel(cleaned: Cleaned) -> list[Bar]:
    """From the rows read, over what each reason took off the end, to what is left."""
    whole = max(cleaned.rows_in, 1)
    bars = [Bar("rows read", cleaned.rows_in, 0, cleaned.rows_in / whole, "all")]
    left = cleaned.rows_in
    for reason, rows in sorted(cleaned.dropped.items(), key=lambda item: (-item[1], item[0])):
        left -= rows
        bars.append(Bar(words(reason), rows, max(left, 0) / whole, rows / whole, "out"))
    train, held_out = cleaned.train_rows, cleaned.eval_rows
    bars.append(Bar("training rows", train, 0, train / whole, "train"))
    bars.append(Bar("evaluation rows", held_out, train / whole, held_out / whole, "eval"))
    return bars


def shares_of(values: Mapping[str, float]) -> list[Bar]:
    """Each value as a share of their sum, one behind the other."""
    whole = sum(values.values()) or 1
    bars, start = [], 0.0
    for name, value in values.items():
        bars.append(Bar(name, value, start, value / whole))
        start += value / whole
    return bars


def lengths(counts: TokenCounts) -> list[Bar]:
    """Kept rows by length in tokens, up to the last length that occurs, and those above the limit; the longest bar is full."""
    rows = list(counts.rows)
    while rows and not rows[-1]:
        rows.pop()
    whole = max([*rows, counts.rows_above, 1])
    bars = [
        Bar(f"{i * counts.step + 1:,}–{(i + 1) * counts.step:,}", number, 0, number / whole, "train")
        for i, number in enumerate(rows)
    ]
    return [*bars, Bar("above the limit", counts.rows_above, 0, counts.rows_above / whole, "out")]


@dataclass(frozen=True)
class ListCount:
    """The list-formatted answers of one source: all of them, then each kind, one behind the other."""

    source: str
    rows: int | None
    """Rows among which they were counted; None where the file of the dropped rows does not tell."""
    bars: list[Bar]


def list_counts(cleaned: Cleaned, dropped: Dropped) -> list[ListCount]:
    """Lists are counted before rows go for CAPS, so those belong to the whole."""
    by_source = [sum(dropped.get(source.source, {}).get(reason, 0) for reason in CAPS) for source in cleaned.sources]
    known = sum(by_source) == sum(cleaned.dropped.get(reason, 0) for reason in CAPS)
    found = []
    for source, capped in zip(cleaned.sources, by_source, strict=True):
        rows = source.rows_out + capped
        parts = {kind: number / max(rows, 1) for kind, number in source.list_rows.items()}
        bars = [Bar("lists", sum(source.list_rows.values()), 0, sum(parts.values()), "all")]
        start = 0.0
        for kind, number in source.list_rows.items():
            bars.append(Bar(words(kind), number, start, parts[kind], "train"))
            start += parts[kind]
        found.append(ListCount(source.source, rows if known else None, bars))
    return found


# --- rules and the loss mask -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A part of an excerpt: the same before and after, or not."""

    text: str
    differs: bool


@dataclass(frozen=True)
class Change:
    """An example of what a rule did."""

    before: list[Piece]
    after: list[Piece]


@dataclass(frozen=True)
class RuleRow:
    name: str
    meaning: str
    seen: int
    changed: int
    dropped: int
    characters_removed: int
    examples: list[Change]
    quoted: bool
    """False for contact rules."""


def rule_rows(cleaned: Cleaned) -> list[RuleRow]:
    """In the order in which they run."""
    return [
        RuleRow(
            words(name),
            "from FINETUNE_DATA_RULES_FILE" if name.startswith(OWN) else RULE_WORDS.get(name, ""),
            rule.seen,
            rule.changed,
            rule.dropped,
            rule.characters_removed,
            [] if name in CONTACT_RULES else [difference(example) for example in rule.examples],
            name not in CONTACT_RULES,
        )
        for name, rule in cleaned.rules.items()
    ]


CUT = "…"
_PART = re.compile(r"\S+|\s+")
FEWEST_SAME_WORDS = 4
"""Between two differences; with fewer words in common they read better as one."""


def difference(example: Example) -> Change:
    """Word by word. An excerpt that was cut goes on, so what the other has beyond its end is no difference."""
    before, after = (_PART.findall(text.removesuffix(CUT)) for text in (example.before, example.after))
    old: list[Piece] = []
    new: list[Piece] = []
    for same, gone, come in _runs(before, after):
        old.append(Piece(gone, not same))
        new.append(Piece(come, not same))
    if old and old[-1].differs:
        gone, come = old[-1].text, new[-1].text
        goes_on = example.after.endswith(CUT) and gone.startswith(come)
        came_on = example.before.endswith(CUT) and come.startswith(gone)
        old[-1] = Piece(gone, not goes_on and not came_on)
        new[-1] = Piece(come, not goes_on and not example.before.endswith(CUT))
    old.append(Piece(CUT if example.before.endswith(CUT) else "", False))
    new.append(Piece(CUT if example.after.endswith(CUT) else "", False))
    return Change([piece for piece in old if piece.text], [piece for piece in new if piece.text])


def _runs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[bool, str, str]]:
    """(whether both are the same, part of `before`, part of `after`), by turns the same and not."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    gone, come = "", ""
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        old, new = before[i:i_end], after[j:j_end]
        at_edge = (i, j) == (0, 0) or (i_end, j_end) == (len(before), len(after))
        if tag == "equal" and (at_edge or sum(not part.isspace() for part in old) >= FEWEST_SAME_WORDS):
            if gone or come:
                yield False, gone, come
                gone, come = "", ""
            yield True, "".join(old), "".join(new)
        else:
            gone, come = gone + "".join(old), come + "".join(new)
    if gone or come:
        yield False, gone, come


@dataclass(frozen=True)
class Mask:
    """A training row: what the model is shown, and what it is trained to say."""

    shown: str
    learned: str
    tokens: int
    learned_tokens: int
    long: bool


def masks(cleaned: Cleaned) -> list[Mask]:
    return [
        Mask(
            "".join(row.tokens[: row.learned_from]),
            "".join(row.tokens[row.learned_from :]),
            len(row.tokens),
            len(row.tokens[row.learned_from :]),
            sum(map(len, row.tokens)) > LONG_TEXT,
        )
        for row in cleaned.masked_rows
    ]


# --- scores ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScoreRow:
    name: str
    base: str
    tuned: str
    change: str
    judgement: str
    """better, worse, same; empty for what is neither good nor bad."""


def score_rows(metrics: Metrics) -> Iterator[ScoreRow]:
    if not metrics.probe:
        return
    base, tuned = metrics.probe.base, metrics.probe.tuned
    for name, key, good in (
        ("stopped by itself before the token limit", "stopped_share", 1),
        ("opens with filler", "opening_filler_share", -1),
        ("closes with filler", "closing_filler_share", -1),
        ("repeated phrases, share of the text", "repetition_share", -1),
    ):
        old, new = _score(base, key), _score(tuned, key)
        same = share(old) == share(new)
        judgement = "same" if same else "better" if (new - old) * good > 0 else "worse"
        yield ScoreRow(name, share(old), share(new), "" if same else _points(new - old), judgement)
    length = signed(tuned.mean_tokens - base.mean_tokens, "tokens")
    yield ScoreRow("mean length in tokens", count(base.mean_tokens), count(tuned.mean_tokens), length, "")


def _score(scores: Scores, key: str) -> float:
    return float(getattr(scores, key))


def _points(change: float) -> str:
    """A difference of two shares, in percentage points."""
    if abs(change) < 0.0995:
        return f"{'+' if change > 0 else MINUS}{abs(change) * 100:.1f}{NO_BREAK}points"
    return signed(change * 100, "points")


# --- the loss --------------------------------------------------------------------------------------------------------


def evaluations(log: Sequence[LogEntry]) -> list[tuple[int, float]]:
    return [(e.step, e.eval_loss) for e in log if e.eval_loss is not None and math.isfinite(e.eval_loss)]


def training_losses(log: Sequence[LogEntry]) -> list[tuple[int, float]]:
    return [(e.step, e.loss) for e in log if e.loss is not None and math.isfinite(e.loss)]


def points(log: Sequence[LogEntry]) -> int:
    return len(training_losses(log)) + len(evaluations(log))


def base_loss(metrics: Metrics, log: Sequence[LogEntry]) -> float | None:
    """The result's own, else the log's evaluation before the first step."""
    if metrics.train:
        return metrics.train.base_eval_loss
    return next((loss for step, loss in evaluations(log) if step == 0), None)


def best_evaluation(metrics: Metrics, log: Sequence[LogEntry]) -> tuple[int, float] | None:
    """(step, loss) of the adapter that is kept, or would be if training ended now."""
    if metrics.train:
        return metrics.train.best_step, metrics.train.best_eval_loss
    trained = [point for point in evaluations(log) if point[0] > 0]
    return min(trained, key=lambda point: point[1]) if trained else None


# Stand-ins that the drawn SVG holds and the page's own colours replace, so that one plot serves both themes.
COLOURS = {"#010101": "var(--train)", "#020202": "var(--eval)", "#030303": "var(--muted)", "#040404": "var(--page)"}
TRAIN, EVAL, MUTED, PAGE = COLOURS
SHAPES = {"wide": ((9.0, 3.7), 4), "narrow": ((4.2, 4.0), 2)}
"""Inches and columns of the legend: a phone gets a plot of its own, as the wide one's text would shrink to 5 pixels."""


def loss_chart(metrics: Metrics, log: Sequence[LogEntry], shape: str) -> Markup:
    """Inline SVG of training and evaluation loss by optimizer step."""
    inches, columns = SHAPES[shape]
    # The salt makes ids equal in each run; it differs by shape, because both plots stand in one page.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"lora-job {shape}", "font.size": 10}):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        _draw_losses(axes, metrics, log)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss per token")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if shape == "wide" else 4, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(color=MUTED, alpha=0.25, linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        axes.tick_params(color=MUTED)
        figure.legend(loc="outside upper left", ncols=columns, frameon=False, borderpad=0.2, handlelength=1.8)
        text = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    return _inline(text.getvalue(), f"Loss by optimizer step. {verdict(metrics, log)}", shape)


def _draw_losses(axes: Any, metrics: Metrics, log: Sequence[LogEntry]) -> None:
    train, evaluated = training_losses(log), evaluations(log)
    before, best = base_loss(metrics, log), best_evaluation(metrics, log)
    if before is not None and math.isfinite(before):
        label = f"base model {loss_text(before)}"
        axes.axhline(before, color=MUTED, linestyle=(0, (5, 3)), linewidth=1.4, label=label)
    if train:
        marker = "." if len(train) <= 60 else ""
        axes.plot(*zip(*train, strict=True), color=TRAIN, marker=marker, linewidth=1.5, label="training")
    if evaluated:
        axes.plot(*zip(*evaluated, strict=True), color=EVAL, marker="o", markersize=4, linewidth=2, label="evaluation")
    if best and math.isfinite(best[1]):
        label = f"best {loss_text(best[1])}, step {best[0]:,}"
        axes.plot(
            *best, color=EVAL, marker="*", markersize=15, markeredgecolor=PAGE, linestyle="none", zorder=5, label=label
        )
    last = max(step for step, _ in [*train, *evaluated])
    if last > 0:
        axes.set_xlim(left=-0.012 * last)  # room for the mark at step 0
    else:
        axes.set_xlim(-0.012, 1)


def _inline(svg: str, title: str, shape: str) -> Markup:
    """As HTML wants it: no prologue, no namespaces (both are addresses), no ids but those that are referred to."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r'\sxmlns(?::xlink)?="[^"]*"', "", body)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("xlink:href", "href")
    view = re.search(r'viewBox="[^"]*"', body)
    assert view, "matplotlib writes a viewBox"
    for stand_in, colour in COLOURS.items():
        body = body.replace(stand_in, colour)
    head = Markup('<svg class="{}" role="img" aria-label="{}" {}>').format(shape, title, Markup(view[0]))
    return head + Markup(body[body.index(">") + 1 :])


ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(
    count=count, share=share, loss=loss_text, size=size, duration=duration, moment=moment, words=words
)

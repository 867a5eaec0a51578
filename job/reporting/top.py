"""The top of the page: the verdict or how the run ended, and the few figures that matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from job.errors import EXIT_CODES, SUCCESS, NoBetter, Worse
from job.reporting.losses import Losses
from job.reporting.numbers import count, duration, loss_text, share, signed, size
from job.reporting.scores import ScoreRow, score_rows
from job.results import Metrics


@dataclass(frozen=True)
class Tile:
    """One of the few figures at the top."""

    name: str
    value: str
    note: str


VERDICTS = {
    "better": ("good", "✓", "Better than the base model"),
    "no better": ("halt", "=", "No better than the base model"),
    "worse": ("bad", "✕", "Worse than the base model"),
    "inconclusive": ("halt", "?", "Not certain whether it is better"),
}
"""Verdict -> (tone, sign, heading)"""
ENDINGS = {"succeeded": ("good", "✓"), "failed": ("bad", "✕"), "stopped": ("halt", "■"), "running": ("none", "…")}
NEGATIVE = (NoBetter.exit_code, Worse.exit_code)


def run_name(metrics: Metrics) -> str:
    return str(_hub(metrics, "repo_id") or "") or PurePath(str(metrics.settings.get("output_dir") or "")).name


def _hub(metrics: Metrics, name: str) -> object:
    hub = metrics.settings.get("hub")
    return hub.get(name) if isinstance(hub, dict) else None


def is_settled(metrics: Metrics) -> bool:
    """A verdict that is negative ends the run with a code of its own, which is no failure."""
    return bool(metrics.probe) and (metrics.status == "succeeded" or metrics.exit_code in NEGATIVE)


def heading(metrics: Metrics, settled: bool) -> str:
    if settled and metrics.probe:
        return VERDICTS[metrics.probe.verdict.value][2]
    only = metrics.settings.get("stages")
    return {
        "succeeded": f"Succeeded: {', '.join(only)}" if only else "Succeeded",
        "failed": f"Failed in stage “{metrics.stage}”",
        "stopped": f"Stopped in stage “{metrics.stage}”",
        "running": f"Running: stage “{metrics.stage}”",
    }[metrics.status]


def signs(metrics: Metrics, settled: bool) -> tuple[str, str]:
    """(tone, sign)"""
    return VERDICTS[metrics.probe.verdict.value][:2] if settled and metrics.probe else ENDINGS[metrics.status]


def sentence(metrics: Metrics, losses: Losses) -> str:
    """The verdict, or what the run has achieved so far."""
    if metrics.probe:
        return metrics.probe.verdict.sentence
    text = next(_loss_words(metrics, losses), "")
    if not text and metrics.clean:
        kept = metrics.clean.train_rows + metrics.clean.eval_rows
        text = f"{count(kept)} of {count(metrics.clean.rows_in)} rows are kept; no adapter has been evaluated yet"
    if not text:
        return "There is no result yet." if metrics.status == "running" else "The run ended before any result."
    return f"{text[0].upper()}{text[1:]}."


def ending(metrics: Metrics) -> str:
    pushed = bool(metrics.push and not metrics.push.skipped)
    value = metrics.probe.verdict.value if metrics.probe else ""
    if metrics.exit_code in NEGATIVE:
        return "The run itself finished without a failure. Everything is kept, and nothing was published."
    if reason := unpublished(metrics):
        return f"Nothing was published: {reason.rstrip('.')}."
    if metrics.push and metrics.push.held_private:
        return "Until it is certain, it is private; a start with FINETUNE_HUB_PUSH_WHEN=always makes it public."
    public_anyway = value == "inconclusive" and not _hub(metrics, "private")
    if pushed and _hub(metrics, "push_when") == "always" and (value in ("worse", "no better") or public_anyway):
        return "It was published all the same, because FINETUNE_HUB_PUSH_WHEN is always."
    return ""


def unpublished(metrics: Metrics) -> str:
    """Why nothing was published although the settings name a repository, or publish whatever the verdict is; else empty."""
    named = _hub(metrics, "repo_id") or _hub(metrics, "dataset_repo_id") or _hub(metrics, "push_when") == "always"
    return metrics.push.reason if metrics.push and metrics.push.skipped and named else ""


def meaning(metrics: Metrics) -> tuple[str, str] | None:
    """What the exit code says, and whether another try is worth it."""
    if metrics.exit_code is None:
        return None
    if metrics.exit_code == SUCCESS and unpublished(metrics):
        return "everything is done, but nothing was published", ""
    return EXIT_CODES.get(metrics.exit_code)


def _loss_words(metrics: Metrics, losses: Losses) -> Iterator[str]:
    if losses.best is None:
        return
    step, best = losses.best
    so_far = "" if metrics.train else f" so far, at step {step:,}"
    if not losses.base:
        yield f"eval loss {loss_text(best)}{so_far}"
        return
    change = signed((best / losses.base - 1) * 100, "%")
    worse = ", no better than the base model" if best >= losses.base else ""
    yield f"eval loss {loss_text(losses.base)} → {loss_text(best)} ({change}){so_far}{worse}"


def _headlines(metrics: Metrics) -> list[ScoreRow]:
    return [row for row in score_rows(metrics.probe) if row.headline] if metrics.probe else []


def tiles(metrics: Metrics, losses: Losses) -> Iterator[Tile]:
    if losses.best:
        base = [f"base model {loss_text(losses.base)}"] if losses.base is not None else []
        yield Tile("eval loss", loss_text(losses.best[1]), "; ".join([*base, "mean over tokens"]))
    for row in _headlines(metrics):
        yield Tile(row.headline, row.tuned, f"base model {row.base}")
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
    price = metrics.settings.get("hourly_price")
    if isinstance(price, (int, float)) and price > 0:
        seconds = max(stages, metrics.seconds)
        yield Tile("cost", f"{price * seconds / 3600:,.2f}", f"at {price:g} an hour")

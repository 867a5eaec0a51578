"""Everything that flows between stages and into metrics.json: a module for each stage's result, and metrics.json itself."""

from job.results.cleaned import (
    Cleaned,
    Evidence,
    Example,
    MaskedRow,
    RepeatedSentence,
    RuleCount,
    SourceCount,
    TokenCounts,
)
from job.results.metrics import SCHEMA_VERSION, Failure, Host, Metrics, Pin
from job.results.probed import (
    Candidate,
    Estimate,
    Forgetting,
    Guardrail,
    Judged,
    Probed,
    RowLoss,
    Sample,
    Scores,
    Skipped,
    Verdict,
)
from job.results.pushed import Pushed, PushedRepo
from job.results.result import Choice, Result
from job.results.trained import Attempt, DryRun, LogEntry, Optimization, Trained, WeightCount

__all__ = [
    "SCHEMA_VERSION",
    "Attempt",
    "Candidate",
    "Choice",
    "Cleaned",
    "DryRun",
    "Estimate",
    "Evidence",
    "Example",
    "Failure",
    "Forgetting",
    "Guardrail",
    "Host",
    "Judged",
    "LogEntry",
    "MaskedRow",
    "Metrics",
    "Optimization",
    "Pin",
    "Probed",
    "Pushed",
    "PushedRepo",
    "RepeatedSentence",
    "Result",
    "RowLoss",
    "RuleCount",
    "Sample",
    "Scores",
    "Skipped",
    "SourceCount",
    "TokenCounts",
    "Trained",
    "Verdict",
    "WeightCount",
]

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
from job.results.probed import Probed, Sample, Scores
from job.results.pushed import Pushed, PushedRepo
from job.results.result import Choice, Result
from job.results.trained import Attempt, DryRun, LogEntry, Optimization, Trained, WeightCount

__all__ = [
    "SCHEMA_VERSION",
    "Attempt",
    "Choice",
    "Cleaned",
    "DryRun",
    "Evidence",
    "Example",
    "Failure",
    "Host",
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
    "RuleCount",
    "Sample",
    "Scores",
    "SourceCount",
    "TokenCounts",
    "Trained",
    "WeightCount",
]

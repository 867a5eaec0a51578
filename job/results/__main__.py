"""`python -m job.results` prints the JSON Schema of metrics.json."""

from __future__ import annotations

from job.results.schema import metrics_schema

if __name__ == "__main__":
    print(metrics_schema(), end="")

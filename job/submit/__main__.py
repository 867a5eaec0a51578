"""`python -m job.submit` prints the table of queues in job/submit/README.md."""

from __future__ import annotations

from job.submit.targets import table

if __name__ == "__main__":
    print(table(), end="")

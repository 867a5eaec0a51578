"""`python -m job.settings` prints env/example.env."""

from __future__ import annotations

from job.settings.reference import example_env

if __name__ == "__main__":
    print(example_env(), end="")

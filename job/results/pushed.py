"""What stage 5 hands on: what lies on the Hub."""

from __future__ import annotations

from typing import Literal

from job.results.result import Result


class PushedRepo(Result):
    """A repository on the Hub that holds our files."""

    kind: Literal["model", "dataset"]
    repo_id: str
    commit: str
    """Every file at this commit has our size and our hash."""
    url: str
    files: int
    bytes: int
    kept: str = ""
    """The tag that keeps what others had put there; empty if there was nothing."""


class Pushed(Result):
    """Stage 5. `reason` says why the push was skipped."""

    card_path: str = "adapter/README.md"
    lora_card_path: str | None = None
    data_card_path: str | None = None
    """None if no data set is pushed."""
    skipped: bool
    reason: str
    repositories: list[PushedRepo]
    is_public: bool = False
    """It was skipped because a repository is public; the same command looks again."""
    held_private: bool = False
    """The settings would make it public, but the verdict is inconclusive: a start with FINETUNE_HUB_PUSH_WHEN=always does."""

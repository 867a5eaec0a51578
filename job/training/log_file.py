"""train/log.jsonl: one line for each training loss and each evaluation."""

from __future__ import annotations

from pathlib import Path

from job.results import LogEntry, TrainedBy
from job.runs.files import read_lines, write_unredacted


class LogFile:
    """Written whole at each line, so that a run which continues can drop the lines that it will write again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[LogEntry] = []

    def restore(self, step: int) -> None:
        """Take over the lines up to the step that training continues from."""
        self.entries = [entry for entry in read_lines(self.path, LogEntry) if entry.step <= step]
        self._write()

    def append(self, entry: LogEntry) -> None:
        self.entries.append(entry)
        self._write()

    def has_evaluation(self, step: int) -> bool:
        return any(entry.step == step and entry.eval_loss is not None for entry in self.entries)

    @property
    def losses(self) -> list[float]:
        return [entry.loss for entry in self.entries if entry.loss is not None]

    @property
    def eval_losses(self) -> list[float]:
        return [entry.eval_loss for entry in self.entries if entry.eval_loss is not None]

    @property
    def trained_by(self) -> list[TrainedBy]:
        """Of all starts, those that went on alike in one."""
        found: list[TrainedBy] = []
        for entry in self.entries:
            if entry.loss is None:
                continue
            one = TrainedBy(workers=entry.workers or 1, held=entry.held or "whole", until_step=entry.step)
            if found and (one.workers, one.held) == (found[-1].workers, found[-1].held):
                found.pop()
            found.append(one)
        return found

    def _write(self) -> None:
        lines = [entry.model_dump_json(exclude_none=True) for entry in self.entries]
        write_unredacted(self.path, "".join(f"{line}\n" for line in lines))

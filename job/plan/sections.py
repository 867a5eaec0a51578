"""The sections of a plan in the order in which they are printed, one tuple, and the function that prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from job import pipeline
from job.errors import JobError
from job.plan.base import base_lines, file_lines
from job.plan.cost import cost_lines, step_lines
from job.plan.facts import Facts
from job.plan.problems import problems, warnings
from job.plan.rows import rule_lines, source_lines
from job.runs.folder import RunDir
from job.runs.redaction import STARS
from job.settings.fields import PREFIX
from job.settings.files import read_lines
from job.settings.reference import as_text


def lines(facts: Facts) -> Iterator[str]:
    """All that is known, whatever is wrong. Raises the first problem that the run would end with, once everything is said."""
    for section in SECTIONS:
        yield ("\n" if section is not SECTIONS[0] else "") + section.title.format(facts=facts)
        try:
            yield from section.lines(facts)
        except JobError as error:
            yield f"  unknown: {first_line(error)}"
    if found := problems(facts):
        raise found[0]


def first_line(error: JobError) -> str:
    """What happened, without the heading of wrong settings."""
    return " ".join(getattr(error, "problems", [str(error)]))


def settings_lines(facts: Facts) -> Iterator[str]:
    origin = facts.origin
    for section, fields in facts.settings.model_dump(mode="json").items():
        items = fields.items() if isinstance(fields, dict) else [("", fields)]
        for field, value in items:
            name = PREFIX + "_".join(filter(None, (section, field))).upper()
            shown = ",".join(map(str, value)) if isinstance(value, list) else as_text(value)
            yield f"  {name}={shown}" + (f"  ({origin[name]})" if name in origin else "")
    yield f"  HF_TOKEN={STARS if facts.token else ''}"


def stage_lines(facts: Facts) -> Iterator[str]:
    """Raises SettingsError (64) for FINETUNE_STAGES that cannot be run."""
    wanted, run_dir = pipeline.chosen(facts.settings), RunDir(facts.settings.output_dir)
    width = max(len(stage.name) for stage in pipeline.STAGES)
    for stage in pipeline.STAGES:
        note = "" if stage in wanted else " (not in this start)"
        if stage in wanted and run_dir.has_result(stage.name):
            done = pipeline.is_done(stage, facts.settings, run_dir)
            note = " (done)" if done else " (done with other settings)"
        yield f"  {stage.name:<{width}}  {stage.words}{note}"


def question_lines(facts: Facts) -> Iterator[str]:
    probe = facts.settings.probe
    fixed = len(read_lines(probe.questions_file))
    if fixed:
        yield f"  {fixed} from {probe.questions_file}"
    wanted, rows = max(0, probe.answers - fixed), facts.expected
    if rows.kept is None:
        yield f"  those of {wanted:,} evaluation rows, or of all where there are fewer"
    elif rows.eval_rows <= wanted:
        yield f"  those of all evaluation rows, {rows.certainty} {rows.eval_rows:,}"
    else:
        yield f"  those of {wanted:,} of {rows.certainty} {rows.eval_rows:,} evaluation rows"


def hub_lines(facts: Facts) -> Iterator[str]:
    hub = facts.settings.hub
    visibility = "private" if hub.private else "public"
    for what, repo_id in (("adapter", hub.repo_id), ("cleaned rows", hub.dataset_repo_id)):
        yield f"  {what}: {f'{repo_id} ({visibility})' if repo_id else 'not pushed'}"
    for pin in facts.pins:
        yield f"  {pin.name}@{pin.revision} stays at {pin.commit}"


def problem_lines(facts: Facts) -> Iterator[str]:
    """What the run would end with, with its exit code, and what it would only warn of."""
    found = problems(facts)
    for error in found:
        yield f"  exit code {error.exit_code}: {first_line(error)}"
        yield f"    {error.remedy}"
    for sentence in (said := list(warnings(facts))):
        yield f"  warning: {sentence}"
    if not found and not said:
        yield "  none that can be known now"


@dataclass(frozen=True)
class Section:
    title: str
    """Filled in with `facts`."""
    lines: Callable[[Facts], Iterator[str]]


SECTIONS: tuple[Section, ...] = (
    Section("Settings", settings_lines),
    Section("Stages", stage_lines),
    Section("Rows", source_lines),
    Section("What the rules do to these rows", rule_lines),
    Section("Steps", step_lines),
    Section("Questions", question_lines),
    Section("Hub", hub_lines),
    Section("Files in {facts.settings.output_dir}", file_lines),
    Section("Base model", base_lines),
    Section("Memory and time on {facts.hardware} (an estimate)", cost_lines),
    Section("Problems", problem_lines),
)

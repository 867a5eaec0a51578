"""What the run would end with and what it would warn of, as far as it can be known now.

A check gives the errors that the run itself would raise, most of them by calling what the run calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from job import pipeline
from job.errors import DataError, HostUnfit, HubUnavailable, JobError
from job.hosts.cards import require_rows
from job.hosts.disk import cleaning_bytes, present_bytes, require_space
from job.modeling.memory import GIB
from job.modeling.sharding import require_room_to_load
from job.plan.cost import memory
from job.plan.facts import Facts, Found
from job.plan.parallel import workers_of
from job.results import Cleaned
from job.runs.claim import require_own
from job.runs.folder import RunDir
from job.runs.signals import StopRequest
from job.runs.unusable import readable
from job.settings.files import read_lines
from job.stages import Run
from job.training.intervals import doubts, intervals

Check = Callable[[Facts], Iterator[JobError]]


def problems(facts: Facts) -> list[JobError]:
    """In the order in which a run meets them. A Hub that does not answer is none: a run tries again."""
    found: list[JobError] = []
    for check in CHECKS:
        try:
            found += check(facts)
        except JobError as error:
            found.append(error)
    known = {str(error): error for error in found if not isinstance(error, HubUnavailable)}
    return list(known.values())


def _of_the_folder(facts: Facts) -> Iterator[JobError]:
    """The output folder holds another run or others' files, or lacks the results of stages that are left out."""
    pipeline.chosen(facts.settings)
    require_own(facts.settings)
    run_dir = RunDir(facts.settings.output_dir)
    if run_dir.holds_a_run():
        pipeline.refuse_other_run(facts.settings, run_dir)
    pipeline.require_earlier(facts.settings, run_dir)
    yield from ()


def _of_the_base(facts: Facts) -> Iterator[JobError]:
    """A start that only pushes does not read it."""
    wanted = Found.of(lambda: pipeline.chosen(facts.settings)).value
    if wanted and not any(stage.long_work for stage in wanted):
        return
    yield from (found.problem for found in (facts.base, facts.sizes) if found.problem)


def _of_the_devices(facts: Facts) -> Iterator[JobError]:
    """More workers than rows in a step, and where several GPUs are named, more than these; workers that are to
    share what they cannot."""
    train = facts.settings.train
    if problem := Found.of(partial(require_rows, train, None)).problem:
        yield problem
    if facts.gpus > 1 and train.devices != "auto" and train.devices > facts.gpus:
        yield HostUnfit(
            f"FINETUNE_TRAIN_DEVICES={train.devices} asks for more GPUs than the {facts.gpus} of --gpus.",
            remedy="Set FINETUNE_TRAIN_DEVICES=auto, or name a host with more GPUs.",
        )
    if base := facts.base.value:
        from job.modeling.architecture import require_layers_to_share

        workers = workers_of(facts.gpus, train)
        if problem := Found.of(partial(require_layers_to_share, base, train.shard, workers)).problem:
            yield problem


def _of_the_card(facts: Facts) -> Iterator[JobError]:
    """Only for a card that the user has named."""
    base, card = facts.base.value, facts.named_card
    found = memory(base, facts.settings, card, facts.gpus) if base and card else None
    if not (card and found):
        return
    fit, name = found.fit, f"NVIDIA {card.name}"
    if not found.fits and found.hopeless:
        limit = f"{card.memory_bytes / GIB:.1f} GiB of an {name}"
        if len(fit.ways) > 1:
            usable = f"{fit.usable / GIB:.1f} GiB that a run takes"
            limit = f"{usable} of an {name}, even if {fit.workers} GPUs share the base's layers"
        yield HostUnfit(
            f"One row of {facts.settings.train.max_tokens:,} tokens needs about {min(map(fit.need, fit.ways)) / GIB:.1f} GiB, "
            f"more than the {limit}.",
            remedy=fit.advice(),
        )
    elif fit.held != "whole":
        require_room_to_load(fit, facts.gpus, name)


def _of_the_disk(facts: Facts) -> Iterator[JobError]:
    """The disk of the output folder, on this machine."""
    root = facts.settings.output_dir.absolute()
    needed = cleaning_bytes(facts.settings.data) + (facts.sizes.value.run_bytes if facts.sizes.value else 0)
    with readable(root):
        existing = next(folder for folder in (root, *root.parents) if folder.is_dir())
        present = present_bytes(root)
    require_space(existing, needed - present, "rows, checkpoints and adapter", "FINETUNE_OUTPUT_DIR")
    yield from ()


def _of_the_push(facts: Facts) -> Iterator[JobError]:
    """Only that there is no token: with one, the stages' own checks would make repositories."""
    if not facts.token:
        run = Run(facts.settings, "", facts.settings.output_dir, StopRequest())
        for stage in pipeline.chosen(facts.settings):
            stage.check(run)
    yield from ()


def _cleans(facts: Facts) -> bool:
    """Whether this start reads the sources; otherwise the rows lie in the output folder, or another start makes them."""
    run_dir = RunDir(facts.settings.output_dir)
    (stage,) = (stage for stage in pipeline.STAGES if stage.result is Cleaned)
    wanted = Found.of(lambda: pipeline.chosen(facts.settings)).value
    return (wanted is None or stage in wanted) and not run_dir.has_result(stage.name)


def _of_the_rows(facts: Facts) -> Iterator[JobError]:
    """Sources that cannot be read, and too few rows that are left of them."""
    if not _cleans(facts):
        return
    yield from (found.problem for _, found in facts.samples if found.problem)
    data, kept = facts.settings.data, facts.expected.kept
    if kept is None or kept >= data.min_rows or any(found.problem for _, found in facts.samples):
        return
    from job.cleaning.rules.registry import hint

    dropped: dict[str, int] = {}
    for _, found in facts.samples:
        for reason, count in found.value.dropped.items() if found.value else ():
            dropped[reason] = dropped.get(reason, 0) + count
    most = sorted(dropped, key=lambda reason: -dropped[reason])
    look_at = hint(most[0], data, facts.settings.train.max_tokens) if most else "FINETUNE_DATA_SOURCES"
    rows = sum(found.value.rows for _, found in facts.samples if found.value)
    yield DataError(
        f"{facts.expected.certainty.capitalize()} {kept:,} rows are left after cleaning, fewer than FINETUNE_DATA_MIN_ROWS "
        f"({data.min_rows}). Dropped, of the {rows:,} rows looked at: "
        + (", ".join(f"{reason} {dropped[reason]:,}" for reason in most[:4]) or "none")
        + ".",
        remedy=f"Look at {look_at}, or lower FINETUNE_DATA_MIN_ROWS.",
    )


def _of_the_questions(facts: Facts) -> Iterator[JobError]:
    """Once more, in prompts with the system prompt that the rows bring."""
    if facts.chat and _cleans(facts):
        from job.modeling.sizes import require_questions_behind

        system = next((found.value.system for _, found in facts.samples if found.value), "")
        require_questions_behind(system, facts.pinned, facts.token)
    yield from ()


CHECKS: tuple[Check, ...] = (
    _of_the_devices,  # 64, 68
    _of_the_folder,  # 61, 64
    _of_the_base,  # 64, 66, 67
    _of_the_card,  # 68
    _of_the_disk,  # 68
    _of_the_push,  # 67
    _of_the_rows,  # 64 to 67
    _of_the_questions,  # 64
)
"""In the order in which a run meets what they find."""


def warnings(facts: Facts) -> Iterator[str]:
    """What the run goes on with, though hardly as meant."""
    train, steps = facts.settings.train, facts.expected.steps
    if steps:
        yield from doubts(train, steps)
        found = intervals(train, steps)
        if found.eval_steps > steps:
            yield (
                f"the loss is evaluated before and after training alone: FINETUNE_TRAIN_EVAL_STEPS ({found.eval_steps:,}) is "
                f"above the {steps:,} steps of the run"
            )
        if found.log_steps > steps:
            yield (
                f"no step writes a log line: FINETUNE_TRAIN_LOG_STEPS ({found.log_steps:,}) is above the {steps:,} steps of "
                "the run"
            )
    yield from _many_too_long(facts)
    yield from _few_turns_left(facts)
    yield from _answers_cut(facts)
    yield from _too_few_answers(facts)
    for problem in (facts.base.problem, *(found.problem for _, found in facts.samples)):
        if isinstance(problem, HubUnavailable):
            yield f"not looked at: {problem}"
    minutes, cost = facts.settings.deadline_minutes, facts.cost.value
    if minutes and cost and cost.total > 60 * minutes:
        yield (
            f"the run may not fit FINETUNE_DEADLINE_MINUTES ({minutes:g}): about {cost.total / 60:,.0f} minutes on "
            f"{facts.hardware}"
        )


def _many_too_long(facts: Facts) -> Iterator[str]:
    """As the log of cleaning says it."""
    limit = facts.settings.train.max_tokens
    lengths = [length for _, found in facts.samples if found.value for length in found.value.tokens]
    above = sum(length > limit for length in lengths)
    if above > 0.1 * len(lengths):
        yield (
            f"FINETUNE_TRAIN_MAX_TOKENS ({limit:,}) drops {above:,} of {len(lengths):,} rows looked at; a higher limit keeps "
            "them and costs memory"
        )


def _too_few_answers(facts: Facts) -> Iterator[str]:
    """Fewer cannot exclude harm in one answer of ten, so no verdict is `better` (job/probing/README.md)."""
    from job.probing.scores import MARGIN
    from job.probing.statistics import rows_without_event

    probe, rows, fewest = facts.settings.probe, facts.expected.eval_rows, rows_without_event(MARGIN)
    fixed = len(read_lines(probe.questions_file))
    answers = fixed + min(max(0, probe.answers - fixed), rows)
    if rows and answers < fewest:
        yield (
            f"the verdict cannot be better: {answers} answers, and {fewest} without a fault are the fewest that exclude harm; "
            "raise FINETUNE_DATA_EVAL_FRACTION or FINETUNE_PROBE_ANSWERS, or ask more in FINETUNE_PROBE_QUESTIONS_FILE"
        )


def _answers_cut(facts: Facts) -> Iterator[str]:
    """As the log of the probe says it."""
    from job.probing import limit

    tokens = [length for _, found in facts.samples if found.value for length in found.value.answers]
    if warning := limit.warning(tokens, facts.settings.probe.max_new_tokens):
        yield warning


def _few_turns_left(facts: Facts) -> Iterator[str]:
    from job.cleaning.rules.registry import few_turns_left

    samples = [found.value for _, found in facts.samples if found.value]
    notes = sum((Counter(one.notes) for one in samples), Counter())
    exchanges: Counter[str] = Counter()
    for one in samples:
        exchanges.update({name: rule.exchanges for name, rule in one.rules.items()})
    before, after = sum(one.turns_in for one in samples), sum(one.turns_out for one in samples)
    warning = few_turns_left(before, after, notes, exchanges)
    if warning:
        yield f"of the rows looked at {warning}"

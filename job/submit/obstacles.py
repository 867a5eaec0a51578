"""Why a queue cannot run a job as it is described: found when the manifest is made, not when the job ends."""

from __future__ import annotations

from collections.abc import Iterator

from job.errors import ArgumentError, SettingsError
from job.submit import files
from job.submit.submission import Submission
from job.submit.targets import Target


def require_possible(job: Submission, target: Target) -> None:
    """Raises SettingsError (64) with everything that the queue does not offer or cannot carry."""
    machine = [*_machine(job, target)]
    problems = [*_values(job, target), *files.obstacles(job.named, target.files, target.name)]
    if problems:
        raise SettingsError([*machine, *problems])
    if machine:
        raise ArgumentError(machine)


def _machine(job: Submission, target: Target) -> Iterator[str]:
    if job.card and job.card not in target.cards:
        yield f"--gpu {job.card}: {target.name} offers {', '.join(target.cards)}"
    elif (numbers := target.numbers(job.card)) and job.gpus not in numbers:
        listed = ", ".join(map(str, numbers))
        yield f"--gpus {job.gpus}: {target.name} has machines with {listed} {job.card or 'GPUs'}; name one of these numbers"
    if job.nodes > 1 and not target.hosts:
        yield f"--nodes {job.nodes}: {target.name} starts a job on one host; {target.other_way}"
    if job.nodes > 1 and job.spot and not target.hosts_on_spot:
        yield f"--spot: {target.name} runs a job on several hosts on demand alone; leave the option out, or --nodes"
    if job.spot and not target.spot:
        yield f"--spot: {target.name} knows no Spot machines; leave the option out"
    if job.spot is False and job.gpus in target.on_spot_alone.get(job.card, ()):
        cards = f"a single {job.card}" if job.gpus == 1 else f"{job.gpus} {job.card}"
        yield f"--no-spot: {target.name} offers {cards} on Spot machines alone; leave the option out"


def _values(job: Submission, target: Target) -> Iterator[str]:
    for name, value in job.env:
        for trouble in target.unfit:
            if trouble.pattern.search(value):
                yield f"{name}: {target.name} cannot carry this value, because {trouble.words}"

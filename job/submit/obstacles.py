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
        yield f"--gpu {job.card}: {target.name} offers {', '.join(target.cards)}, one on a machine"
    if job.spot and not target.spot:
        yield f"--spot: {target.name} knows no Spot machines; leave the option out"
    if job.spot is False and job.card in target.on_spot_alone:
        yield f"--no-spot: {target.name} offers a single {job.card} on Spot machines alone; leave the option out"


def _values(job: Submission, target: Target) -> Iterator[str]:
    for name, value in job.env:
        for trouble in target.unfit:
            if trouble.pattern.search(value):
                yield f"{name}: {target.name} cannot carry this value, because {trouble.words}"

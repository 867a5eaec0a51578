"""The files of this machine that a run names, and how a queue gets them.

A name keeps its meaning, and a run its inputs: nothing is renamed. A relative name is looked up in the working directory, so a
queue gets a folder with the same relative names, and the run works in it. Knows no platform.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from job.settings.fields import PREFIX, SECTIONS, Settings
from job.settings.files import PROJECT, find_file
from job.settings.loading import is_broken

if TYPE_CHECKING:
    from job.submit.submission import Submission

SHIPPED = (PROJECT / "job", PROJECT / "env" / "medical")
"""What the image contains (.dockerignore) of what settings can name."""


WILDCARDS = re.compile(r"[*?\[\]]")


@dataclass(frozen=True)
class Named:
    """What one setting names."""

    variable: str
    name: str
    """As it is written in the settings."""
    files: tuple[str, ...]
    """What it stands for: paths as they can be opened here."""

    @property
    def is_absolute(self) -> bool:
        return self.name.startswith("/")

    @property
    def folders(self) -> tuple[str, ...]:
        """What to mount for an absolute name: the file or folder itself, of a pattern the folders of its files."""
        if os.path.exists(self.name):  # noqa: PTH110 (it never raises)
            return (self.name,)
        return tuple(sorted({str(Path(file).parent) for file in self.files}))


@dataclass(frozen=True)
class Way:
    """How a queue gets the files."""

    uploads: Callable[[Submission], Iterator[str]] = lambda job: iter(())
    """The commands that bring the files with relative names there; none if the manifest does."""
    mounts: bool = False
    """Whether it sees the folders of this machine. Then an absolute name is mounted at the same place."""
    volume: str = ""
    """Where its own volume is mounted: an absolute name below it is there already."""
    patterns: bool = False
    """Whether its upload takes a name with one of WILDCARDS for a pattern."""


NOTHING_TO_DO = Way()


def each(command: str, before: str = "") -> Callable[[Submission], Iterator[str]]:
    """`command` for each file. {path} stands for the file, {name} for the job; `before` comes first."""
    words = command.split()

    def uploads(job: Submission) -> Iterator[str]:
        if before and job.files:
            yield before
        for file in job.files:
            here = f"./{file}" if file.startswith("-") else file  # no option
            found = (
                here if word == "{path}" else word.replace("{name}", job.name).replace("{path}", file) for word in words
            )
            yield shlex.join(found)

    return uploads


def named(settings: Settings) -> Iterator[Named]:
    """What the settings name on this machine, except what the image contains."""
    for section in SECTIONS:
        for field, value in getattr(settings, section):
            if field.endswith("_file") and value:
                yield from _outside(section, field, value, [find_file(value)])
    for source in settings.data.sources:
        if source.is_local and source.name != "quickstart":
            yield from _outside("data", "sources", source.name, list(source.list_files()))
    if settings.model.is_local and settings.model.base != "quickstart":
        folder = Path(settings.model.location)
        files = sorted(path for path in folder.glob("*") if path.is_file() and path.name[0] != ".")
        yield from _outside("model", "base", settings.model.base, files)


def _outside(section: str, field: str, name: str, files: list[Path]) -> Iterator[Named]:
    shipped = [any(file.resolve().is_relative_to(folder) for folder in SHIPPED) for file in files]
    if files and not all(shipped):
        yield Named(f"{PREFIX}{section}_{field}".upper(), name, tuple(map(str, files)))


def travelling(found: tuple[Named, ...]) -> tuple[str, ...]:
    """The files with relative names, each once."""
    return tuple(sorted({file for one in found if not one.is_absolute for file in one.files}))


def obstacles(found: tuple[Named, ...], way: Way, target: str) -> Iterator[str]:
    """A sentence for each name that the queue cannot get, with what to do."""
    here = Path.cwd()
    for one in found:
        says = f"{one.variable}: {one.name}"
        if ".." in Path(one.name).parts:
            yield f"{says} has '..' in its name; make the manifest in a folder that contains the file, and name it from there"
        elif one.is_absolute and way.volume and Path(one.name).is_relative_to(way.volume):
            continue
        elif one.is_absolute and not way.mounts:
            there = f", or keep it below {way.volume}, the volume of {target}" if way.volume else ""
            yield (
                f"{says} is a path of this machine, which {target} does not have; copy it into this folder ({here}) and "
                f"write its name from here, such as data/{Path(one.name).name}{there}"
            )
        elif one.is_absolute and any(letter in folder for folder in one.folders for letter in ":,"):
            yield f"{says}: a path with a colon or a comma cannot be mounted; rename it"
        elif not one.is_absolute:
            yield from _unreachable(one, here, way)


def _unreachable(one: Named, here: Path, way: Way) -> Iterator[str]:
    """Of a relative name."""
    for file in one.files:
        if Path(file).is_absolute():
            yield f"{one.variable}: {one.name} is not in this folder ({here}) but in {PROJECT}; make the manifest there"
        elif any(ord(letter) < 32 for letter in file) or is_broken(file):
            yield f"{one.variable}: the name {file!r} holds a control character, or is not UTF-8; rename the file"
        elif way.patterns and WILDCARDS.search(file):
            yield f"{one.variable}: the upload would take {file} for a pattern; rename the file, without *, ? and brackets"
        elif way.mounts and any(letter in str(here) for letter in ":,"):
            yield f"{one.variable}: {here} cannot be mounted, because of the colon or comma in it; rename the folder"
        elif way.mounts and not Path(file).resolve().is_relative_to(here.resolve()):
            yield f"{one.variable}: {file} is a link to what a container does not see; put the file itself into this folder"
        else:
            continue
        return  # of a folder, one is enough

"""A process that is not rank 0: it starts workers on its host when rank 0 asks for them, and ends as rank 0 ends.

It claims no folder and writes no file of the run. What it says goes to rank 0 by the board, and to its own log.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import torch

from job.errors import SUCCESS, HostUnfit, JobError, NoBetter, NotFound, SettingsError, Stopped, Worse
from job.hosts.cards import cards_of
from job.hosts.main_memory import require_room_for
from job.hosts.places import Place
from job.modeling.files import BaseFiles, fetch_files, stored_tensors
from job.modeling.precision import require_computed, weakest_capability
from job.parallel.board import SILENT_SECONDS, Board
from job.parallel.children import Children
from job.parallel.failures import told_of
from job.runs.differences import difference
from job.runs.lock import word_in
from job.runs.progress import movement
from job.runs.redaction import redact_values
from job.settings.fields import PREFIX, ModelSettings, Settings

log = logging.getLogger("job")
LOOK_SECONDS = 0.2
BROKEN_SECONDS = 25.0
"""How long after a broken connection rank 0 may still say how it ended: its watching process has to load torch for that."""
FOLDER_SECONDS = 60.0
"""A network file system may show a new file that much later."""
FINISHED = (SUCCESS, NoBetter.exit_code, Worse.exit_code)
"""How a run ends that has gone through all its stages, or to its verdict."""
STOP_SECONDS = 25.0
"""In which rank 0 stops in order: it saves a checkpoint."""


def follow(place: Place, settings: Settings, shared: dict[str, Any], token: str) -> int:
    """Returns the exit code, which is rank 0's. `shared`: the settings that all must have. Raises HostUnfit (68) if rank 0
    does not answer, and Stopped (75)."""
    log.info("stage=hosts %s: waiting for rank 0 at %s, port %d", place, place.address, place.port)

    def finished() -> int | None:
        return finished_with(settings, shared)

    try:
        board = Board(place, seconds=60 * settings.watchdog_minutes, is_over=lambda: finished() is not None)
    except HostUnfit:
        if (code := finished()) is None:
            raise
        log.info(
            "stage=end exit_code=%d: rank 0 does not answer, and %s has its run, which is finished",
            code,
            settings.output_dir.absolute(),
        )
        return code
    follower = Follower(board, settings, shared, token)
    try:
        return follower.work()
    finally:
        follower.board.tell(left=True)
        follower.board.close()


def refuse(place: Place, code: int, message: str, *, seconds: float) -> None:
    """Tell rank 0 why this process does not follow it, and wait until it has heard. Raises HostUnfit (68)."""
    board = Board(place, seconds=seconds)
    board.tell(failed={"code": code, "message": message, "remedy": "", "broken": False})
    until = time.monotonic() + seconds
    while board.of(0).get("end") is None and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    board.tell(left=True)
    board.close()


class Follower:
    def __init__(self, board: Board, settings: Settings, shared: dict[str, Any], token: str) -> None:
        self.board, self.settings, self.shared, self.token = board, settings, shared, token
        self.joined = False
        self.children: Children | None = None
        self.team = 0
        """The one that they are of."""

    def work(self) -> int:
        try:
            while (code := self._over()) is None:
                self._look()
                time.sleep(LOOK_SECONDS)
            return code
        except Stopped as stopped:
            self.board.tell(stopped=str(stopped))
            log.warning("stage=hosts stopped=true: %s Rank 0 stops the run.", stopped)
            return self._end(Stopped.exit_code, STOP_SECONDS)
        except Exception as error:
            told = told_of(error)
            self.board.tell(failed=told)
            log.error(
                "stage=hosts error=%s: %s\n  %s",
                type(error).__name__,
                told["message"],
                told["remedy"],
                exc_info=None if isinstance(error, JobError) else error,
            )
            return self._end(int(told["code"]), SILENT_SECONDS)
        finally:
            if self.children:
                self.children.kill()

    def _join(self) -> None:
        run = self.board.get("run")
        require_same_count(self.board.place, run["processes"])
        require_same_settings(self.shared, run["settings"])
        require_shared(self.settings.output_dir, run["word"])
        capability = weakest_capability()
        require_computed(self.settings.train.precision, capability)
        cards = self._cards()
        require_room_for(len(cards), on_gpu=capability is not None)
        self.board.tell(cards=len(cards), capability=capability)

    def _cards(self) -> list[str]:
        train = self.settings.train
        return cards_of(train.devices, train.batch_size, self.board.place.local_rank, on_gpu=torch.cuda.is_available())

    def _look(self) -> None:
        """Start and end workers as rank 0 says, and say how they are."""
        if not self.joined and self.board.of(0).get("run"):
            self._join()
            self.joined = True
        wanted = self.board.of(0).get("team", 0)
        if wanted != self.team:
            if self.children:
                self.children.kill()
            self.children, self.team = None, wanted
            if wanted:
                self.children = self._start(self.board.get(f"team/{wanted}"))
        if self.children and (ended := self.children.ended()) != self.board.mine.get("ended"):
            self.board.tell(team=self.team, ended=ended)
        self.board.note(moved=[*movement(), self.children.ticks() if self.children else 0])

    def _start(self, team: dict[str, Any]) -> Children | None:
        """The base comes from this host's own cache, at rank 0's commit; the rows from the folder that all share."""
        rank, counts, request = self.board.place.rank, team["counts"], team["request"]
        first = sum(counts[:rank])
        cards = dict(enumerate(self._cards()[: counts[rank]], first))
        self.board.tell(team=self.team, ended=[])
        if not cards:
            return None
        files = fetch_files(ModelSettings(**request["model"]), self.token, weights=True)
        require_weights(files)
        place = self.board.place
        where = {"address": self.board.address, "port": place.port, "prefix": team["prefix"]}
        own = {
            "folder": str(files.folder),
            "revision": files.revision,
            "root": str(self.settings.output_dir.absolute()),
        }
        log.info("stage=hosts workers=%s cards=%s", ",".join(map(str, cards)), ",".join(cards.values()) or "cpu")
        return Children(request | own | where, cards, share=len(cards))

    # --- the end -------------------------------------------------------------------------------------------------

    def _over(self) -> int | None:
        """The exit code once rank 0 has told it, or is gone (75)."""
        if (end := self.board.of(0).get("end")) is not None:
            (log.info if end["code"] == 0 else log.error)(
                "stage=end exit_code=%d%s", end["code"], f": rank 0 ended: {end['message']}" if end["message"] else ""
            )
            return int(end["code"])
        silent = self.board.silent(0)
        if silent > SILENT_SECONDS or (self.board.broken() > BROKEN_SECONDS and silent > BROKEN_SECONDS):
            log.error(
                "stage=hosts stopped=true: rank 0 at %s gave no sign for %.0f seconds: it was killed or taken away, or the "
                "network between the hosts failed. %s",
                self.board.place.address,
                silent,
                Stopped.remedy,
            )
            return Stopped.exit_code
        return None

    def _end(self, code: int, seconds: float) -> int:
        """Rank 0's exit code where it tells one in time, else this one."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (found := self._over()) is not None:
                return found
            time.sleep(LOOK_SECONDS)
        return code


def finished_with(settings: Settings, shared: dict[str, Any]) -> int | None:
    """The exit code of the run in the folder, if it has these settings and stages and no start would train again. One that
    failed or was stopped goes on with the next start, whose rank 0 may still come."""
    wanted = shared | {"stages": list(settings.stages)}
    try:
        metrics = json.loads((settings.output_dir / "metrics.json").read_text("utf-8"))
        theirs, code = metrics["settings"], metrics["exit_code"]
        found = {section: {name: theirs[section][name] for name in mine} for section, mine in shared.items()}
        found["stages"] = theirs["stages"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or of another version
        return None
    return code if code in FINISHED and not list(difference(found, redact_values(wanted))) else None


def require_same_count(place: Place, leaders: int) -> None:
    """Raises SettingsError (64): with more processes than rank 0 counts some would stay idle, with fewer it waits."""
    if place.processes != leaders:
        raise SettingsError(
            [
                f"NNODES, or what the launcher ({place.launcher}) sets in its place: {place.processes} here, and {leaders} "
                "where rank 0 is; all processes need the same number"
            ]
        )


def require_same_settings(mine: dict[str, Any], leaders: dict[str, Any]) -> None:
    """Raises HostUnfit (68) with the variables that differ."""
    changes = [change.partition(":") for change in difference(leaders, mine)]
    named = [f"{PREFIX}{name.replace('.', '_').upper()}:{values}" for name, _, values in changes]
    if named:
        raise HostUnfit(
            "The settings differ from those of rank 0 (there -> here): " + "; ".join(named) + ".",
            remedy="Start all processes with the same env file.",
        )


def require_weights(files: BaseFiles) -> None:
    """Raises NotFound (66) if this host does not have all of the base. A worker that gets its part from another host would not
    miss the weights, and be refused for others than rank 0's."""
    try:
        stored_tensors(files.folder, files.name)
    except NotFound as error:
        raise NotFound(
            f"This host lacks weights that rank 0 has, in {files.folder.absolute()}. {error}",
            remedy=(
                "Start this host once without HF_HUB_OFFLINE, or copy rank 0's cache (HF_HOME) to it."
                if files.revision
                else "Copy rank 0's whole folder to this path on each host, or let FINETUNE_MODEL_BASE name one that all see."
            ),
        ) from error


def require_shared(folder: Path, word: str, seconds: float = FOLDER_SECONDS) -> None:
    """Raises HostUnfit (68) if the folder is not the one that rank 0 works in."""
    until = time.monotonic() + seconds
    while word_in(folder) != word:
        if time.monotonic() > until:
            raise HostUnfit(
                f"The output folder {folder.absolute()} is not the one that rank 0 works in: what rank 0 wrote there did not "
                f"appear within {seconds:.0f} seconds.",
                remedy="Mount one shared folder on all hosts (NFS, Lustre, a volume that several may write), and let "
                "FINETUNE_OUTPUT_DIR name it on each.",
            )
        time.sleep(LOOK_SECONDS)

"""The base model that an adapter was trained on, found again for the commands that use a finished run."""

from __future__ import annotations

from pathlib import Path

from job.errors import NotFound, SettingsError
from job.inputs import sha256
from job.settings.fields import ModelSettings
from job.settings.files import find_file

BASE = "FINETUNE_MODEL_BASE"


def base_of(trained_on: str, revision: str, files: dict[str, str], given: str) -> ModelSettings:
    """The base to load. `files`: the hashes of one in a folder. `given`: where the user says that it is; another folder than
    that of training, as in a container, or a copy of a base on the Hub.

    Raises SettingsError (64) if that is another base by its name, NotFound (66) if it is gone, or another one by its files.
    """
    named = given or trained_on
    model = ModelSettings.model_construct(base=named, revision=revision)
    if not model.is_local:
        if named != trained_on:
            raise SettingsError(
                [
                    f"{BASE}: the adapter belongs to another base model, {trained_on}, not {named}; unset it, or name a copy"
                ]
            )
        return model
    if named == "quickstart":
        return model
    folder = find_file(named)
    if not (folder / "config.json").is_file():
        raise NotFound(
            f"The base model that the adapter was trained on is gone: there is none in {folder} (working directory: "
            f"{Path.cwd()}).",
            remedy=f"Put it back, or set {BASE} to the folder in which it lies now.",
        )
    _require_same(folder, files)
    return model


def _require_same(folder: Path, files: dict[str, str]) -> None:
    for name, known in files.items():
        path = folder / name
        if not path.is_file():
            raise NotFound(
                f"The base model that the adapter was trained on is gone: there is no {path} (working directory: "
                f"{Path.cwd()}).",
                remedy="Put it back, start in the folder from which its path leads to it, or set "
                f"{BASE} to the folder in which it lies now.",
            )
        if sha256(path).hex() != known:
            raise NotFound(
                f"{path} is not the file that the adapter was trained on: the adapter belongs to another base model.",
                remedy="Put the base model of that training back.",
            )

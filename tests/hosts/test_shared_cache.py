"""One cache of several users, and one that is its owner's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from job.hosts import patience
from job.hosts.shared_cache import share, shared

pytestmark = pytest.mark.light


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def download(home: Path) -> None:
    """As the Hub client does it: folders, a blob with a link to it, a lock of mode 664."""
    blob = home / "hub" / "models--a--b" / "blobs" / "f00d"
    blob.parent.mkdir(parents=True)
    blob.write_text("weights", "utf-8")
    (blob.parent.parent / "model.safetensors").symlink_to(blob)
    (home / "hub" / ".locks").mkdir()
    (home / "hub" / ".locks" / "f00d.lock").touch(mode=0o664)
    (home / "hub" / ".locks" / "f00d.lock").chmod(0o664)


def test_what_is_downloaded_to_a_shared_cache_may_be_written_by_all(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "token").touch(mode=0o600)
    with shared(tmp_path):
        download(tmp_path)
    (tmp_path / "after").touch()
    written = [path for path in (tmp_path / "hub").rglob("*") if not path.is_symlink()]
    assert len(written) == 5
    assert all(mode(path) & 0o666 == 0o666 for path in written)
    assert mode(tmp_path / "hub") == 0o777
    assert mode(tmp_path / "token") == 0o600, "no secret is opened up"
    assert mode(tmp_path / "after") & 0o022 == 0, "the umask is what it was"


def test_an_own_cache_stays_its_owners(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with shared(tmp_path):
        download(tmp_path)
    share(tmp_path, "hub")
    assert all(mode(path) & 0o002 == 0 for path in tmp_path.rglob("*") if not path.is_symlink())


def test_every_call_of_the_hub_shares_what_it_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience.constants, "HF_HOME", str(tmp_path))
    tmp_path.chmod(0o777)
    patience.patiently(lambda: download(tmp_path), "base model a/b")
    assert mode(tmp_path / "hub" / ".locks" / "f00d.lock") == 0o666

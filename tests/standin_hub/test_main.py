"""The stand-in Hub from a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi

from tests.conftest import PROJECT
from tests.standin_hub.clients import (
    JSONL,
    WRITER,
    write_folder,
)


def test_the_command_serves_and_keeps_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "state/datasets/tester/rows", {"train.jsonl": JSONL})
    command = [sys.executable, "-m", "tests.standin_hub", "--token", WRITER, "--state", str(tmp_path / "state")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            client = HfApi(endpoint=json.loads(server.stdout.readline())["url"], token=WRITER)
            assert client.list_repo_files("tester/rows", repo_type="dataset") == ["train.jsonl"]
            client.create_repo("tester/adapter")
            client.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="tester/adapter")
        finally:
            server.terminate()
    assert (tmp_path / "state/models/tester/adapter/config.json").read_bytes() == b"{}"
    logged = [json.loads(line) for line in (tmp_path / "state/requests.jsonl").read_text().splitlines()]
    assert ["POST", "/api/repos/create", 200] in logged

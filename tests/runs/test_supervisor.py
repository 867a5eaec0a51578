"""The process that watches, and real processes that end in all the ways there are by themselves."""

from __future__ import annotations

import json
import math
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job.results import Metrics
from job.runs.supervisor import _sender
from tests.conftest import PROJECT, clean_environment, metrics_of
from tests.log_lines import stands_alone
from tests.runs.supervised import ended, failure_of, start, wait_for
from tests.sample_results import DONE


def test_work_that_ends_by_itself(tmp_path: Path) -> None:
    code, errors = ended(start(tmp_path, "print('a line of a library', file=sys.stderr)"))
    assert (code, metrics_of(tmp_path)["status"]) == (0, "succeeded")
    assert "a line of a library\n" in errors
    assert not (tmp_path / "failure.json").exists()


def test_info_goes_to_standard_output_and_the_rest_to_standard_error_from_both_processes(tmp_path: Path) -> None:
    body = "log.info('stage=train step=1')\nlog.warning('stage=train skipped=true')\nprint('printed')"
    output, errors = (text.splitlines() for text in start(tmp_path, body).communicate(timeout=30))
    assert [line.partition(" ")[2] for line in output if stands_alone(line)] == [
        "stage=train step=1",
        f"stage=end status=succeeded exit_code=0 metrics={tmp_path / 'metrics.json'}",
    ]
    assert "printed" in output
    assert [line.partition(" ")[2] for line in errors] == ["warning: stage=train skipped=true"]


def test_every_line_is_json_where_that_is_asked_for(tmp_path: Path) -> None:
    body = (
        "log.info('stage=train step=1')\nos.write(2, b'{half a line')\nos.write(2, b' of native code\\n\\n')\n"
        "raise ValueError('one\\u2028two\\nthree')"
    )
    child = start(tmp_path, body, variables={"FINETUNE_LOG_FORMAT": "json"})
    output, errors = (text.strip("\n").split("\n") for text in child.communicate(timeout=30))
    assert [json.loads(line)["severity"] for line in output] == ["INFO", "INFO"]
    said = [json.loads(line) for line in errors if line]
    assert (said[0]["severity"], said[0]["message"]) == ("WARNING", "stage=train {half a line of native code")
    assert said[1]["severity"] == "CRITICAL" and said[1]["message"].endswith("ValueError: one\u2028two\nthree")


def test_what_a_run_survived_is_no_cause_of_its_end_in_json_either(tmp_path: Path) -> None:
    body = "log.warning('stage=train out_of_memory=%r', 'CUDA out of memory')\nos.write(2, b'the last line\\n')\nos._exit(1)"
    assert ended(start(tmp_path, body, variables={"FINETUNE_LOG_FORMAT": "json"}))[0] == 1
    assert failure_of(tmp_path)["details"].splitlines()[1:] == ["the last line"]
    assert stands_alone(failure_of(tmp_path)["details"].splitlines()[0])


def test_on_a_terminal_one_bar_stands_below_the_lines(tmp_path: Path) -> None:
    body = (
        "progress.expect(40)\nfor step in range(4):\n    progress.advance('steps', 10)\n"
        "    log.info('stage=train step=%d', 10 * step + 10)\n    time.sleep(0.5)"
    )
    terminal, end = pty.openpty()
    with start(tmp_path, body, stdout=end, stderr=end) as child:
        os.close(end)
        written = b""
        while True:
            try:
                written += os.read(terminal, 1 << 16)
            except OSError:  # nobody has it open any more
                break
        assert child.wait(30) == 0
    text = written.decode()
    assert "[######..................]  step 10 of 40, 25%" in text
    shown = [line.rpartition("\x1b[K")[2].strip() for line in text.split("\r\n")]
    assert [line for line in shown if line] and all(stands_alone(line) for line in shown if line), shown
    assert len(shown) == len(set(shown)), "each event once"
    assert next(line for line in shown if "stage=train step=" in line).endswith("step=10")


def test_a_loss_that_is_no_number_reaches_the_watching_process() -> None:
    assert DONE.train is not None
    metrics = DONE.model_copy(update={"train": DONE.train.model_copy(update={"base_eval_loss": math.inf})})
    reading, writing = os.pipe()
    _sender(writing, orphaned=lambda _: None)(metrics)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 (no path)
        found = Metrics.model_validate_json(pipe.read())
    assert found == metrics


def test_a_launcher_that_ignores_ended_children_changes_nothing(tmp_path: Path) -> None:
    ignore = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) and None  # noqa: E731
    assert ended(start(tmp_path, "os._exit(1)", preexec_fn=ignore))[0] == 1


def test_what_a_library_writes_itself_is_redacted_too(tmp_path: Path) -> None:
    token = "hf_" + "s" * 30
    body = (
        f"os.write(2, b'token {token[:9]}'); time.sleep(0.05); os.write(2, b'{token[9:]} and more\\n')\n"
        f"os.write(2, b'{token}')\nos._exit(1)"
    )
    code, errors = ended(start(tmp_path, body))
    assert code == 1
    assert "token ********** and more\n**********" in errors
    produced = errors + "".join(path.read_text("utf-8") for path in tmp_path.iterdir() if path.is_file())
    assert token not in produced


@pytest.mark.parametrize(
    ("body", "code", "kind", "says"),
    [
        ("os.write(2, b'the last line\\n'); os._exit(1)", 1, "Ended", "A library ended the process in stage train"),
        ("os._exit(0)", 1, "Ended", "A library ended the process in stage train with status 0"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 1, "Ended", "SIGKILL in stage train"),
        ("ctypes.string_at(0)", 1, "Ended", "SIGSEGV in stage train"),
        (
            "os.write(2, b'Error no kernel image is available at line 83\\n'); os._exit(1)",
            68,
            "HostUnfit",
            "at line 83",
        ),
        ("raise RuntimeError('escaped')", 1, "Ended", "status 1"),
        ("raise MemoryError('escaped')", 68, "HostUnfit", "main memory ran out: MemoryError: escaped"),
    ],
)
def test_a_process_that_is_gone_without_a_word_gets_an_ending(
    body: str, code: int, kind: str, says: str, tmp_path: Path
) -> None:
    found, errors = ended(start(tmp_path, body))
    assert found == code, errors
    metrics, failure = metrics_of(tmp_path), failure_of(tmp_path)
    assert (metrics["status"], metrics["stage"], metrics["exit_code"]) == ("failed", "train", code)
    assert (failure["kind"], failure["exit_code"]) == (kind, code)
    assert says in failure["message"]
    assert failure["remedy"] in errors
    assert failure["message"] == metrics["error"]["message"]


@pytest.fixture
def little_memory() -> Iterator[Callable[[], None]]:
    """Puts the process that calls it, and its children, into a group with 200 MB."""
    groups = [Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")]
    root = next((group for group in groups if (group / "cgroup.procs").exists()), None)
    group = (root or groups[0]) / f"lora-job-test-{os.getpid()}"
    try:
        group.mkdir()
        limit = next(path for name in ("memory.limit_in_bytes", "memory.max") if (path := group / name).exists())
        limit.write_text(str(200 << 20))
    except (OSError, StopIteration):
        pytest.skip("no control group with a memory limit can be made here")
    yield lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            group.rmdir()
            break
        except OSError:
            time.sleep(0.1)


def test_the_kernel_kills_for_memory(tmp_path: Path, little_memory: Callable[[], None]) -> None:
    code, errors = ended(start(tmp_path, "hungry = b'x' * (1 << 30)", preexec_fn=little_memory))
    assert (code, failure_of(tmp_path)["kind"]) == (68, "HostUnfit"), errors
    assert "The kernel killed the process in stage train because main memory ran out." in errors


def test_the_last_lines_of_the_log_are_kept(tmp_path: Path) -> None:
    ended(start(tmp_path, "ctypes.string_at(0)"))
    assert "Fatal Python error: Segmentation fault" in failure_of(tmp_path)["details"]


def test_an_exception_that_escapes_is_a_part_of_the_log(tmp_path: Path) -> None:
    _, errors = ended(start(tmp_path, "raise RuntimeError('escaped')"))
    assert "critical: stage=train error=RuntimeError: unexpected\n" in errors
    assert "critical: stage=train RuntimeError: escaped\n" in errors
    assert [line for line in errors.splitlines() if not stands_alone(line)] == []


def test_nothing_moves_for_too_long(tmp_path: Path) -> None:
    code, errors = ended(start(tmp_path, "time.sleep(60)", watchdog=0.5))
    assert (code, failure_of(tmp_path)["kind"]) == (74, "NoProgress")
    assert "stage=train watchdog=expired" in errors
    assert 'File "<string>"' in errors
    assert "in work" in errors, "the stack of the thread that hangs"


def test_an_import_that_computes_moves_and_one_that_stands_still_does_not(tmp_path: Path) -> None:
    busy = "until = time.monotonic() + 3\nwith progress.importing():\n    while time.monotonic() < until: pass"
    assert ended(start(tmp_path, busy, watchdog=1.5))[0] == 0
    assert ended(start(tmp_path, busy.replace("progress.importing()", "progress.saving()"), watchdog=1.5))[0] == 74
    assert ended(start(tmp_path, "with progress.importing(): time.sleep(60)", watchdog=1.5))[0] == 74


def test_a_machine_that_stood_still_is_no_run_that_hangs(tmp_path: Path) -> None:
    child = start(tmp_path, "(root / 'ready').touch()\ntime.sleep(4.5)", watchdog=3)
    wait_for(tmp_path / "ready")
    child.send_signal(signal.SIGSTOP)
    time.sleep(3.5)
    child.send_signal(signal.SIGCONT)
    assert ended(child)[0] == 0


def test_a_log_that_nobody_reads_holds_no_run(tmp_path: Path) -> None:
    child = start(tmp_path, "while True: os.write(2, b'x' * 4000 + b'\\n')")
    wait_for(tmp_path / "metrics.json")
    time.sleep(1)  # the pipe is full by now
    child.terminate()
    child.wait(timeout=30)
    assert child.returncode == 75
    assert metrics_of(tmp_path)["status"] == "stopped"


def test_closed_streams_hold_no_run(tmp_path: Path) -> None:
    def close() -> None:
        os.close(1)
        os.close(2)

    child = start(tmp_path, "pass", preexec_fn=close)
    assert ended(child)[0] == 0


def test_a_process_whose_streams_are_closed_has_some_all_the_same(tmp_path: Path) -> None:
    code = (
        "import sys; from job.__main__ import open_closed_streams; open_closed_streams()\n"
        "print('text', file=sys.stderr, flush=True); print('text', flush=True)\n"
        "numbers = [stream.fileno() for stream in (sys.stdin, sys.stdout, sys.stderr)]\n"
        f"open({str(tmp_path / 'numbers')!r}, 'w').write(f'{{numbers}} {{sys.stderr.isatty()}}')"
    )
    command = f'exec "{sys.executable}" -c "$CODE" 0<&- 1>&- 2>&-'
    subprocess.run(["sh", "-c", command], cwd=PROJECT, env=clean_environment({"CODE": code}), check=True)
    assert (tmp_path / "numbers").read_text("utf-8") == "[0, 1, 2] False"


def test_slow_work_that_moves_is_left_alone(tmp_path: Path) -> None:
    body = "for _ in range(6):\n    time.sleep(0.5)\n    progress.advance('rows', 5)"
    code, errors = ended(start(tmp_path, body, watchdog=2))
    assert code == 0, errors
    assert metrics_of(tmp_path)["progress"]["rows"] == 30


def test_a_heartbeat_says_how_far_it_is(tmp_path: Path) -> None:
    child = start(tmp_path, "progress.advance('steps', 7)\ntime.sleep(60)")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if (tmp_path / "metrics.json").exists() and metrics_of(tmp_path)["progress"]["steps"] == 7:
            break
        time.sleep(0.05)
    assert metrics_of(tmp_path)["status"] == "running"
    child.terminate()
    ended(child)


LIMITED = """
import resource, sys
from pathlib import Path
import numpy
from safetensors.numpy import save_file
from job.runs.deaths import Death
from job.runs.endings import conclude, ended_by
from job.runs.files import write_text
from job.runs.folder import RunDir
from job.runs.logs import start_logging
from job.runs.metrics import MetricsFile, MetricsWriter

root = Path(sys.argv[1])
start_logging()
file = MetricsFile(root)
writer = MetricsWriter(RunDir(root), {}, file.take)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    if sys.argv[2] == "safetensors":
        save_file({"a": numpy.zeros(10_000)}, root / "file")
    else:
        write_text(root / "file", "x" * 30_000)
except Exception as error:
    ended_by(error, writer)
sys.exit(conclude(Death(1, "", "", 0, False, ""), file, {}))
"""


@pytest.mark.parametrize("library", ["open", "safetensors"])
def test_a_limit_on_the_size_of_files_is_named(library: str, tmp_path: Path) -> None:
    """The report is larger than the limit too. So is byte code, of which Python would keep half files for good."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path), library]
    environment = clean_environment({"PYTHONDONTWRITEBYTECODE": "1"})
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 73, ended.stderr
    assert "DiskFull: The limit on the size of a file (`ulimit -f`), 4,096 bytes, is too low: " in ended.stderr
    assert "report=not_written: " in ended.stderr and "Traceback" not in ended.stderr
    assert metrics_of(tmp_path)["exit_code"] == 73
    assert not list(tmp_path.glob("*.partial"))

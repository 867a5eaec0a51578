"""Pages stay true: links, anchors, commands, variables, files and words in README and in job/*/README.md.

A check yields a sentence for each fault of one page. One test runs all checks on all pages, another shows that each can fail.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.util
import io
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from job.cli import parse
from job.errors import EXIT_CODES
from job.settings.env_files import read_env_file
from job.settings.loading import load_settings
from job.settings.reference import variables
from job.submit.targets import TARGETS
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

README = PROJECT / "README.md"
PAGES = [README, *sorted((PROJECT / "job").glob("*/README.md")), PROJECT / ".locks" / "README.md"]
MOST_WORDS = 2_200
MOST_PICTURE_BYTES = 200_000
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:[^`\n]|\n(?!\n))+)`(?!`)")
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
OLD_WORDS = re.compile(
    r"\b(?:levers?|rungs?|ladders?|climb\w*|courtes\w+|holes?|journals?|twins?|strangers?|proofs?|trials?|memory_plan|"
    r"plain path|read[- ]?back|(?:take|takes|took|taken|pull|pulls|pulled) back|of its own accord)\b",
    re.IGNORECASE,
)
"""What the project once called its optimizations, memory plan, boilerplate, scrubbed sentences, leaked rows and checks."""
OURS = ("job/", "tests/", "env/", ".locks/", ".ci/")

Check = Callable[[Path, str], Iterator[str]]


def prose(text: str) -> str:
    return INLINE.sub("", FENCE.sub("", text))


def inline(text: str) -> list[str]:
    """Code in sentences, where a line may end within it."""
    return [" ".join(code.split()) for code in INLINE.findall(FENCE.sub("", text))]


# --- links, pictures, paths, words -----------------------------------------------------------------------------------


def anchors(page: str) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path, text: str) -> Iterator[str]:
    for _, target in LINK.findall(FENCE.sub("", text)):
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        if target.startswith(("http://", "https://")):
            continue
        if not linked.exists():
            yield f"{target}: there is no such file"
        elif anchor and anchor not in anchors(text if linked == path else linked.read_text("utf-8")):
            yield f"{target}: there is no such heading"


def pictures(path: Path, text: str) -> Iterator[str]:
    for is_picture, target in LINK.findall(text):
        picture = path.parent / target
        if is_picture and picture.suffix not in (".png", ".svg"):
            yield f"{target}: is neither PNG nor SVG"
        elif is_picture and picture.exists() and picture.stat().st_size > MOST_PICTURE_BYTES:
            yield f"{target}: has {picture.stat().st_size:,} bytes"


def paths(_: Path, text: str) -> Iterator[str]:
    for word in " ".join(inline(text)).split():
        name = word.partition("::")[0].rstrip(":,.")
        if name.startswith(OURS) and not any(PROJECT.glob(name.rstrip("/"))):
            yield f"{word}: there is no such file or folder"


def names(_: Path, text: str) -> Iterator[str]:
    """Of tuples to extend, written as `NAME` in `path`."""
    for name, where in re.findall(r"`([A-Z]{2,})` in `([\w/.]+)`", text):
        place = PROJECT / where
        sources = [place] if place.is_file() else place.glob("*.py")
        if not any(re.search(rf"^{name}\b.* = ", source.read_text("utf-8"), re.MULTILINE) for source in sources):
            yield f"{where} has no {name}"


def words(_: Path, text: str) -> Iterator[str]:
    for found in OLD_WORDS.findall(prose(text)):
        yield f"{found}: a word that this project no longer uses"


def settings(_: Path, text: str) -> Iterator[str]:
    known = {variable.name for variable in variables()}
    for name in re.findall(r"FINETUNE_[A-Z0-9_]+", text):
        if name not in known and not (name.endswith("_") and any(other.startswith(name) for other in known)):
            yield f"{name}: there is no such variable"


# --- commands --------------------------------------------------------------------------------------------------------


def commands(_: Path, text: str) -> Iterator[str]:
    lines = [line for language, block in FENCE.findall(text) if language == "bash" for line in joined(block)]
    for line in [*lines, *inline(text)]:
        for command in split(line):
            for fault in faults(command):
                yield f"{line}: {fault}"


def joined(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def split(line: str) -> Iterator[list[str]]:
    """The commands of a line of shell, without variables before them and what is redirected."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    try:
        for word in [*lexer, ";"]:
            if word in ("&&", "||", "|", ";", ">"):
                yield command
                command = []
            elif command or not re.match(r"[A-Z_]+=", word):
                command.append(word)
    except ValueError:  # a quotation mark alone: no command
        return


def faults(command: list[str]) -> Iterator[str]:
    """What is wrong with one command, as far as can be said without running it."""
    match [Path(word).name if place == 0 else word for place, word in enumerate(command)]:
        case ["python" | "python3", "-m", "pytest", *rest] | ["pytest", *rest]:
            yield from pytest_faults(rest)
        case (
            ["python" | "python3", "entrypoint.py", *rest]
            | ["python" | "python3", "-m", "job", *rest]
            | ["lora-job", *rest]
        ):
            yield from entry_faults(rest)
        case ["python" | "python3", "-m", module, *rest]:
            yield from module_faults(module, rest)
        case ["pip", "install", *rest]:
            yield from pip_faults(rest)
        case ["docker", "build", *rest]:
            yield from build_faults(rest)
        case ["docker", "run", *rest]:
            image = next((place for place, word in enumerate(rest) if word.partition(":")[0] == "lora-job"), len(rest))
            yield from env_file_faults(rest[:image])
            yield from entry_faults(rest[image + 1 :])
        case ["ruff" | "mypy", *rest]:
            yield from (f"there is no {word}" for word in rest if "." in word and not (PROJECT / word).exists())


def pytest_faults(words: list[str]) -> Iterator[str]:
    files = [word for word in words if word.startswith("tests")]
    for word in files:
        path, _, name = word.partition("::")
        if not (PROJECT / path).exists():
            yield f"there is no {path}"
        elif name and f"def {name.partition('[')[0]}(" not in (PROJECT / path).read_text("utf-8"):
            yield f"{path} has no {name}"
    searched = [PROJECT / word.partition("::")[0] for word in files] or list((PROJECT / "tests").rglob("test_*.py"))
    sources = "".join(path.read_text("utf-8") for path in searched if path.is_file())
    names = " ".join(re.findall(r"^\s*(?:def|class) (\w+)", sources, re.MULTILINE)).lower()
    for option, value in pairwise(words):
        for word in re.findall(r"(?!and\b|or\b|not\b)\b\w+", value):
            if option == "-k" and word.lower() not in names:
                yield f"no test there has {word} in its name"
            if option == "-m" and word not in markers():
                yield f"there is no marker {word}"


def module_faults(module: str, words: list[str]) -> Iterator[str]:
    try:
        spec = importlib.util.find_spec(module)
        spec = importlib.util.find_spec(f"{module}.__main__") if spec and spec.submodule_search_locations else spec
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        yield f"there is no module {module} to run"
    elif Path(spec.origin).is_relative_to(PROJECT):
        source = Path(spec.origin).read_text("utf-8")
        yield from (f"{module} has no option {word}" for word in options(words) if f'"{word}"' not in source)


def entry_faults(words: list[str]) -> Iterator[str]:
    yield from env_file_faults(words)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            parse(words)
        except SystemExit as end:
            if not end.code:  # --help
                return
    if said.getvalue():
        yield said.getvalue().strip()


def env_file_faults(words: list[str]) -> Iterator[str]:
    """A file without a folder is the reader's own."""
    for option, name in pairwise(words):
        if option == "--env-file" and "/" in name and not (PROJECT / name).exists():
            yield f"there is no {name}"


def pip_faults(words: list[str]) -> Iterator[str]:
    extras = pyproject()["project"]["optional-dependencies"]
    for word in words:
        name, _, extra = word.rstrip("]").partition("[")
        if name == "." and extra and extra not in extras:
            yield f"there is no extra {extra}"


def build_faults(words: list[str]) -> Iterator[str]:
    known = re.findall(r"^ARG (\w+)", (PROJECT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    for option, value in pairwise(words):
        if option == "--build-arg" and value.partition("=")[0] not in known:
            yield f"the Dockerfile has no {value.partition('=')[0]}"


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


@functools.cache
def pyproject() -> dict[str, dict[str, dict[str, list[str]]]]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))


def markers() -> set[str]:
    return {line.partition(":")[0] for line in pyproject()["tool"]["pytest"]["ini_options"]["markers"]}


# --- Python ----------------------------------------------------------------------------------------------------------


def python(_: Path, text: str) -> Iterator[str]:
    """What a block of Python imports from this project is there."""
    for language, block in FENCE.findall(text):
        for node in ast.walk(ast.parse(block)) if language == "python" else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("job."):
                try:
                    module = importlib.import_module(node.module or "")
                except ModuleNotFoundError:
                    yield f"there is no module {node.module}"
                    continue
                yield from (f"{node.module} has no {it.name}" for it in node.names if not hasattr(module, it.name))


# --- tests -----------------------------------------------------------------------------------------------------------

CHECKS: tuple[Check, ...] = (links, pictures, paths, names, words, settings, commands, python)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_page_is_true(path: Path, check: Check) -> None:
    assert list(check(path, path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("check", "text", "fault"),
    [
        (links, "[x](job/nowhere/README.md)", "no such file"),
        (links, "[x](job/training/README.md#nowhere)", "no such heading"),
        (links, "# Here\n[x](#there)", "no such heading"),
        (pictures, "![x](LICENSE)", "neither PNG nor SVG"),
        (paths, "see `job/nowhere.py`", "no such file"),
        (names, "`NOWHERE` in `job/errors.py`", "has no NOWHERE"),
        (words, "The\nladder of sizes", "ladder"),
        (words, "An optimization is taken back.", "taken back"),
        (settings, "`FINETUNE_DATA_EVAL_SHARE=0.1`", "FINETUNE_DATA_EVAL_SHARE"),
        (settings, "`FINETUNE_HAB_*`", "FINETUNE_HAB_"),
        (commands, "`python -m tests.nowhere`", "no module"),
        (commands, "`python -m job.runs`", "no module job.runs to run"),
        (commands, "`python -m tests.bench.train_speed --faster`", "--faster"),
        (commands, "`pytest tests/test_nowhere.py`", "no tests/test_nowhere.py"),
        (commands, "`pytest tests/test_pages.py::test_nowhere`", "has no test_nowhere"),
        (commands, "`pytest tests/test_structure.py -k nowhere`", "no test there has nowhere"),
        (commands, "`python -m pytest -m 'not heavy'`", "no marker heavy"),
        (commands, "`python entrypoint.py destroy`", "there is no 'destroy'"),
        (commands, "`python\n  entrypoint.py destroy`", "there is no 'destroy'"),
        (commands, "`python entrypoint.py plan --env-file env/nowhere.env`", "no env/nowhere.env"),
        (commands, "`lora-job run --faster`", "no option --faster"),
        (commands, "`lora-job manifest docker --env-file my.env`", "--image"),
        (commands, "`lora-job manifest abacus --env-file my.env --image x`", "there is no 'abacus'"),
        (commands, "```bash\nA=1 python \\\n  entrypoint.py destroy\n```", "there is no 'destroy'"),
        (commands, "```bash\nmkdir x && docker run --env-file env/nowhere.env lora-job\n```", "no env/nowhere.env"),
        (commands, "`docker run --rm lora-job destroy`", "there is no 'destroy'"),
        (commands, "`docker build --build-arg COLOUR=red .`", "no COLOUR"),
        (commands, "`pip install '.[tpu]'`", "no extra tpu"),
        (commands, "`mypy --strict nowhere.py`", "no nowhere.py"),
        (python, "```python\nfrom job.nowhere import x\n```", "no module job.nowhere"),
        (python, "```python\nfrom job.errors import Nowhere\n```", "has no Nowhere"),
    ],
)
def test_a_fault_is_found(check: Check, text: str, fault: str) -> None:
    (found,) = check(README, text)
    assert fault in found


def test_a_picture_that_is_too_large_is_found(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(MOST_PICTURE_BYTES + 1))
    (found,) = pictures(tmp_path / "README.md", "![x](large.png)")
    assert "200,001 bytes" in found


def test_readme_is_a_front_door() -> None:
    text = README.read_text("utf-8")
    assert len(text.split()) <= MOST_WORDS
    assert sum(bool(is_picture) for is_picture, _ in LINK.findall(text)) >= 2
    linked = {(README.parent / target.partition("#")[0]).resolve() for _, target in LINK.findall(text)}
    assert {path for path in PAGES[1:] if path.parent.name != ".locks"} <= linked, "every page has a link in README"


def test_readme_has_a_line_for_each_queue() -> None:
    """The first two columns of what `python -m job.submit` prints."""
    lines = [f"| `{target.name}` | `{target.submit}` |" for target in TARGETS]
    assert "\n".join(lines) in README.read_text("utf-8")


def test_every_exit_code_has_its_advice() -> None:
    page = (PROJECT / "job" / "runs" / "README.md").read_text("utf-8")
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [
        code for code in EXIT_CODES if code
    ]


def test_ci_finds_its_command_in_readme() -> None:
    (block,) = re.findall(r"<!-- tests -->\n```bash\n(.*?)```\n<!-- /tests -->", README.read_text("utf-8"), re.DOTALL)
    assert block.splitlines()[-1] == ".venv/bin/python -m pytest"


def test_the_lines_for_your_own_data_are_valid_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (
        block for language, block in FENCE.findall(README.read_text("utf-8")) if block.startswith("FINETUNE_DATA")
    )
    assert len(block.splitlines()) == 5
    (tmp_path / "my.env").write_text(block, "utf-8")
    for name in re.findall(r"=\./(\S+)", block):
        (tmp_path / name).write_text("x\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    for name, value in read_env_file(tmp_path / "my.env").items():
        monkeypatch.setenv(name, value)
    load_settings()

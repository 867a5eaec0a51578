"""What is looked up once is what two look-ups give."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
import transformers
from transformers.utils import import_utils

from job.hosts import lookups
from job.hosts.lookups import names_of_models, packages_listed_once
from job.runs.progress import importing
from tests.conftest import PROJECT

MODELS = Path(transformers.__file__).with_name("models")


def test_the_models_are_those_that_their_files_name() -> None:
    known = import_utils.define_import_structure.__wrapped__(str(MODELS / "__init__.py"))
    found = names_of_models(MODELS, import_utils.define_import_structure)
    assert found == known
    assert "LlamaConfig" in found[frozenset()]["llama.configuration_llama"]


def test_they_are_not_changed_for_whoever_read_them_first() -> None:
    found = names_of_models(MODELS, import_utils.define_import_structure)
    found[frozenset()]["llama.configuration_llama"].clear()
    assert names_of_models(MODELS, import_utils.define_import_structure) != found


COUNT = """
import builtins
opened, own = [], builtins.open
def counted(path, *arguments, **options):
    opened.append(str(path))
    return own(path, *arguments, **options)
builtins.open = counted
{hidden}
{first}
import transformers.models
print(sum(name.endswith("modeling_llama.py") for name in opened), transformers.models.LlamaConfig.__name__)
"""
ONCE = "from job.hosts.lookups import import_transformers; import_transformers()"
START = """
from job import pipeline
try: pipeline.check_host(None, None, None, None, None)
except AttributeError: pass  # it has imported, and needs a run from there on
"""
ASK = """
from job.asking import command
try: command._models(None, "", "").__enter__()
except AttributeError: pass
"""
CHANGED = """
from transformers.utils import import_utils
read = import_utils.define_import_structure
import_utils.define_import_structure = lambda path: read(path)
"""


@pytest.mark.parametrize(
    ("first", "hidden", "times"),
    [
        (ONCE, "", 1),
        (START, "", 1),
        (ASK, "", 1),
        ("", "", 2),
        (ONCE, "from job.hosts import lookups; lookups.READ = 'read_otherwise'", 2),
        (ONCE, "from job.hosts import lookups; lookups.MODELS = 'another_folder'", 2),
        (ONCE, CHANGED, 2),
        (f"import transformers.models; {ONCE}", "", 2),
    ],
    ids=["once", "start", "ask", "without", "another name", "another layout", "other arguments", "too late"],
)
def test_their_files_are_read_once(first: str, hidden: str, times: int) -> None:
    code = COUNT.format(first=first, hidden=hidden)
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(times), "LlamaConfig"]


def test_packages_are_listed_once() -> None:
    own = importlib.metadata.packages_distributions
    known = own()
    for _ in range(2):
        with packages_listed_once():
            assert importlib.metadata.packages_distributions() == known
    assert lookups._packages.cache_info().misses == 1
    assert importlib.metadata.packages_distributions is own


def test_they_are_while_libraries_are_imported_and_no_longer_where_that_fails() -> None:
    own = importlib.metadata.packages_distributions
    with pytest.raises(ModuleNotFoundError), importing():
        assert importlib.metadata.packages_distributions() is importlib.metadata.packages_distributions()
        import no_such_library  # type: ignore[import-not-found]  # noqa: F401
    assert importlib.metadata.packages_distributions is own

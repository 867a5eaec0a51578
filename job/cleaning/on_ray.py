"""The same as workers.py on Ray Data: a function on batches of rows, in tasks of a cluster, with results in the order of the
batches. Knows nothing about what the function does.

Tasks import this module anew on the cluster's nodes. They get the job's package from the run, and no other: it imports of the
job only what stands below.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from job.errors import HostUnfit, JobError

if TYPE_CHECKING:
    import pyarrow

Given = TypeVar("Given")
Made = TypeVar("Made")
WINDOW = 8
"""Batches for each CPU in a data set of Ray's. Two are under way, so that nobody waits at the end of the first, and no more, so
that memory stays small."""
WINDOW_BYTES = 2**28
"""A data set ends before that many batches if its rows are that long."""
TRIES = 3
"""Of a batch whose process was killed; Ray Data itself would try for ever."""
PACKAGES = ("ftfy", "numpy", "phonenumberslite", "py3langid", "regex", "rensa")
"""What cleaned rows depend on beside the job's code and Python: a node with another version may clean otherwise."""


def in_order(ray: Any, function: Callable[[Given], Made], batches: Iterable[Given], workers: int) -> Iterator[Made]:
    """`function` of each batch, in so many tasks at a time, as many as there is room for with 0. As in workers.py, function,
    argument and result must pickle. `ray`: the module, connected.

    Raises the JobError that `function` raises, and HostUnfit (68) if a task was killed again and again or a node has other
    packages.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    coming = iter(batches)
    most = WINDOW * (workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
    under_way: deque[Iterator[pyarrow.Table]] = deque()
    try:
        while given := _window(function, coming, most):
            under_way.append(_begun(ray, given, workers))
            if len(under_way) > 1:
                yield from _results(under_way.popleft())
        while under_way:
            yield from _results(under_way.popleft())
    except ray.exceptions.RayTaskError:
        raise  # the function's own failure
    except ray.exceptions.RayError as error:
        raise HostUnfit(
            f"Ray gave up a batch of rows after {TRIES} tries: {type(error).__name__}.",
            remedy="Most likely memory ran out on a node, or a node is gone: give the nodes more memory, or set "
            "FINETUNE_DATA_WORKERS lower.",
        ) from error


def _window(function: Callable[[Given], Made], coming: Iterator[Given], most: int) -> list[pyarrow.Table]:
    """The next batches, each a table of one row: Ray Data gives every table to a task."""
    import pyarrow

    given, taken = [], 0
    for batch in islice(coming, most):
        packed = pickle.dumps((function, batch))
        given.append(pyarrow.table({"batch": [packed]}))
        taken += len(packed)
        if taken > WINDOW_BYTES:
            break
    return given


def _begun(ray: Any, given: list[pyarrow.Table], workers: int) -> Iterator[pyarrow.Table]:
    """The results of a data set, on which the cluster works from now on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of max_retries, which goes with Ray 2.64, and of fewer CPUs than workers
        data = ray.data.from_arrow(given).map_batches(
            apply,
            batch_size=None,
            batch_format="pyarrow",
            fn_kwargs={"expected": versions()},
            concurrency=workers or None,
            max_retries=TRIES - 1,
        )
        return iter(data.iter_batches(batch_size=None, batch_format="pyarrow"))


def _results(tables: Iterator[pyarrow.Table]) -> Iterator[Any]:
    for table in tables:
        for packed in table["made"].to_pylist():
            made = pickle.loads(packed)  # noqa: S301 (of a task of this run)
            if isinstance(made, JobError):
                raise made
            yield made


def apply(table: pyarrow.Table, expected: dict[str, str]) -> pyarrow.Table:
    """In a task. What the user can mend is a result too: Ray would put a failure of its own around it."""
    import pyarrow

    return pyarrow.table({"made": [pickle.dumps(_made(packed, expected)) for packed in table["batch"].to_pylist()]})


def _made(packed: bytes, expected: dict[str, str]) -> Any:
    found = versions()
    if found != expected:
        return HostUnfit(
            "A node of the Ray cluster has other packages than the run, so its rows may differ: "
            + ", ".join(
                f"{name} {found[name] or 'none'} in place of {expected[name]}" for name in _unlike(found, expected)
            )
            + ".",
            remedy="Start all nodes and the run from one image, or from one list of packages.",
        )
    try:
        function, batch = pickle.loads(packed)  # noqa: S301 (of the run)
        return function(batch)
    except JobError as error:
        return error


def _unlike(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    return [name for name in expected if found[name] != expected[name]]


def versions() -> dict[str, str]:
    """Of Python and PACKAGES where this runs; empty for one that is missing."""
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: _version(name) for name in PACKAGES
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

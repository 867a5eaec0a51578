"""What torch warns of where a module that FSDP2 wraps returns a view: of the root it is silent, of a layer it is heard."""

from __future__ import annotations

import warnings
from pathlib import Path

from job.parallel.wire import Wire
from tests.families import FAMILIES, make_family_base
from tests.training.building import random_rows
from tests.training.parallel.test_sharded import sharded_forward, stepped, together


def _steps_in_silence(wire: Wire, base: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        forward = sharded_forward(wire, base)
        rows = random_rows(2)
        stepped(forward, rows, rows)
        assert not [one for one in caught if "returned a view tensor" in str(one.message)]
        warnings.warn("FSDP2-wrapped module (FSDPGPT2Block) returned a view tensor.", stacklevel=1)
        assert "FSDPGPT2Block" in str(caught[-1].message)


def test_the_view_that_gpt2_returns_of_its_last_states_is_no_warning(tmp_path: Path) -> None:
    (gpt2,) = (family for family in FAMILIES if family.name == "gpt2")
    together(_steps_in_silence, 1, make_family_base(tmp_path / "base", gpt2))

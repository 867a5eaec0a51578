"""The real command on a host whose weakest GPU is said to have that compute capability: `python -m tests.faults.carded 7.5`.

It computes on its CPU all the same. What the capability decides is the precision, and a CPU computes in each of them.
"""

from __future__ import annotations

import sys

from job.modeling import precision

if __name__ == "__main__":
    major, minor = map(int, sys.argv.pop().split("."))
    precision.weakest_capability = lambda: (major, minor)
    from job.cli import main  # only now: others take the name from that module

    sys.exit(main(sys.argv[1:]))

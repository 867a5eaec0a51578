"""What a worker's card takes of a base that workers share, against the prediction, on one GPU:

    python -m tests.bench.sharded_memory BASE GIB sharded|offloaded

BASE is a folder, such as the one that `python -m tests.bench.random_base BASE` makes. One worker holds the base as each of
several would, with every layer gathered when it computes, and may use GIB of the card. It prints the log of what a training
does before its first step: the self-test, and the memory plan with the predicted and the measured peak.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("gib", type=float, help="of the card, its reserve apart")
    parser.add_argument("held", choices=("sharded", "offloaded"))
    options = parser.parse_args()
    from job.hosts.libraries import prepare_cuda

    prepare_cuda(os.environ)
    import torch
    import torch.distributed as dist

    from job.modeling.batching import Row
    from job.modeling.files import BaseFiles
    from job.modeling.memory import RESERVE_SHARE
    from job.modeling.tokenizer import load_tokenizer
    from job.parallel.wire import Wire
    from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
    from job.training.parallel.sharded import Sharing
    from job.training.preparation import prepare
    from tests.bench.random_base import make_rows

    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    allowed = options.gib / (1 - RESERVE_SHARE) * 2**30
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.get_device_properties(0).total_memory)
    wire = Wire(0, 1)
    wire.connect(torch.device("cuda", 0))
    files = BaseFiles(options.base, str(options.base), "")
    tokenizer = load_tokenizer(files, ModelSettings(base=str(options.base), pad_token="reserved"))
    rows = [Row.after(ids, len(ids) // 3) for ids in make_rows(320, 512)]
    settings = TrainSettings(shard="full")
    sharing = Sharing.of(wire, [0], options.held)
    prepare(files, tokenizer, LoraSettings(), settings, rows, sharing=sharing)
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())

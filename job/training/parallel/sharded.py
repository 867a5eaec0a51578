"""A base that several workers hold together: each keeps its part of every 4-bit weight, and a layer is gathered to compute.

PyTorch's FSDP2 (`fully_shard`) does that, on the packed bytes of the 4-bit weights alone. They are frozen, so nothing is
reduced, and they stay bytes, so no cast can change them: packed as bfloat16 or float16 they must match the dtype of the
parameters, or half of them is cast in silence. What is small or changes (norms, biases, scales, the adapter) or is read outside
its layer (embedding, head) stays whole on each card. An optimization finds a gathered weight as it would find its own.

No card ever holds the whole base. One worker of each host reads it into main memory with transformers' own loader, its card
quantizing tensor by tensor; the others begin with an empty model. Then layer by layer goes to all cards, is cut and compared.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
from bitsandbytes.functional import QuantState
from bitsandbytes.nn import Linear4bit, Params4bit
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import CPUOffloadPolicy, OffloadPolicy, fully_shard
from torch.distributed.fsdp._fully_shard import _fsdp_param
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from job.errors import HostUnfit
from job.modeling.architecture import empty_model
from job.modeling.base import finished, read_weights, require_causal
from job.modeling.config import attention_of
from job.modeling.files import BaseFiles
from job.modeling.layers import decoder_layers, decoder_of
from job.modeling.memory import Held
from job.modeling.nf4 import four_bit_layers, quantized_on
from job.modeling.refusals import no_layers_to_share
from job.parallel.wire import FOREVER, Wire
from job.runs.progress import stir
from job.training.parallel.lockstep import Lockstep

log = logging.getLogger("job.train")


@dataclass(frozen=True)
class Sharing:
    """How a worker takes part."""

    ranks: tuple[int, ...]
    """Of the workers that share one base: those of one host where each host has several, so that no layer crosses a network."""
    wire: Wire
    held: Held
    """Sharded or offloaded."""
    group: dist.ProcessGroup

    @classmethod
    def of(cls, wire: Wire, hosts: Sequence[int], held: Held) -> Sharing:
        """`hosts`: the host of each rank. A collective."""
        groups = [[rank for rank, one in enumerate(hosts) if one == host] for host in sorted(set(hosts))]
        if min(map(len, groups)) == 1:
            groups = [list(range(len(hosts)))]
        made: list[Any] = [dist.new_group(group, timeout=FOREVER) for group in groups]
        own = next(number for number, group in enumerate(groups) if wire.rank in group)
        return cls(tuple(groups[own]), wire, held, made[own])

    @property
    def reads(self) -> bool:
        return self.wire.rank == self.ranks[0]


def own_device() -> torch.device:
    """The first card that a worker sees, which is its own."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def load_sharded(
    files: BaseFiles, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype, sharing: Sharing
) -> tuple[PreTrainedModel, Lockstep]:
    """The frozen NF4 base as `load_base` gives it, of whose 4-bit weights this worker holds a part. A collective.

    Raises what `load_base` raises, SettingsError (64) if the base has no layers that can be shared, and HostUnfit (68) if a
    gathered matrix computes anything else than the whole one did.
    """
    device = own_device()
    read = f"read/{sharing.ranks[0]}/{dtype}"
    if sharing.reads:
        with quantized_on(device):
            model = finished(read_weights(files, dtype, {"": "cpu"}), tokenizer, files)
        sharing.wire.store.add(read, 1)
    else:
        model = finished(empty_model(files.config, dtype, attention_of(files.config)), tokenizer, files)
        sharing.wire.store.wait([read], FOREVER)  # for minutes, which must not be spent in a collective
    layers = decoder_layers(model)
    if not any(any(four_bit_layers(layer)) for layer in layers):
        raise no_layers_to_share(files.name)
    mesh = DeviceMesh.from_group(sharing.group, device.type)
    inside = {id(module) for layer in layers for module in layer.modules()}
    _hand_out(model, [module for module in model.modules() if id(module) not in inside], sharing, device)
    for number, layer in enumerate(layers):
        _hand_out(model, list(layer.modules()), sharing, device)
        _shard(layer, mesh, sharing, f"layer {number} of {files.name}")
        stir()
    root = decoder_of(model)
    fully_shard(root, mesh=mesh, ignored_params=set(root.parameters()))  # so that the layers know of each other
    # GPT-2's last states are a view, and torch warns of its hooks; but nothing changes them in place, and the root itself has
    # nothing to gather. A layer's view would be another matter.
    warnings.filterwarnings("ignore", rf"FSDP2-wrapped module \({type(root).__name__}\) returned a view tensor")
    model.hf_device_map = {"": device.index if device.type == "cuda" else "cpu"}
    require_causal(model, tokenizer, files.name)
    log.info("stage=train sharded=true workers=%d layers=%d held=%s", len(sharing.ranks), len(layers), sharing.held)
    return model, Lockstep(sharing.group, device, root)


# --- from the reader to all ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Described:
    """A tensor of the reader's model, by the modules' places in `model.modules()`."""

    places: tuple[tuple[int, str], ...]
    """(number of the module, name): more than one where modules share it."""
    kind: str
    """parameter, buffer or attribute."""
    shape: torch.Size
    dtype: torch.dtype
    quantized: dict[str, Any] | None
    """The state of a 4-bit weight: scales and shape."""


def _hand_out(model: PreTrainedModel, modules: list[torch.nn.Module], sharing: Sharing, device: torch.device) -> None:
    """All tensors of these modules, from the reader to the device of each worker."""
    everything = list(model.modules())
    wanted = {id(module) for module in modules}
    described: list[Any] = [None]
    tensors: list[torch.Tensor] = []
    if sharing.reads:
        found = list(_tensors(everything, wanted))
        tensors = [tensor for _, tensor in found]
        described = [[one for one, _ in found]]
    dist.broadcast_object_list(described, sharing.ranks[0], group=sharing.group, device=device)
    for number, one in enumerate(described[0]):
        if sharing.reads:
            tensor = tensors[number].detach().to(device)
        else:
            tensor = torch.empty(one.shape, dtype=one.dtype, device=device)
        dist.broadcast(tensor.contiguous() if sharing.reads else tensor, sharing.ranks[0], group=sharing.group)
        _put(everything, one, tensor, device)


def _tensors(everything: list[torch.nn.Module], wanted: set[int]) -> Iterator[tuple[Described, torch.Tensor]]:
    """Each tensor that belongs to a wanted module, once."""
    found: dict[int, tuple[list[tuple[int, str]], str, torch.Tensor]] = {}
    for number, module in enumerate(everything):
        if id(module) not in wanted:
            continue
        own = {name: value for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
        for kind, tensors in (("parameter", module._parameters), ("buffer", module._buffers), ("attribute", own)):
            for name, tensor in tensors.items():
                if tensor is not None:
                    found.setdefault(id(tensor), ([], kind, tensor))[0].append((number, name))
    for places, kind, tensor in found.values():
        state = getattr(tensor, "quant_state", None)
        packed = {name: part.cpu() for name, part in state.as_dict(packed=True).items()} if state else None
        yield Described(tuple(places), kind, tensor.shape, tensor.dtype, packed), tensor


def _put(everything: list[torch.nn.Module], one: Described, tensor: torch.Tensor, device: torch.device) -> None:
    made: Any = tensor
    if one.quantized is not None:
        layer = everything[one.places[0][0]]
        made = Params4bit.from_prequantized(
            tensor, {name: part.to(device) for name, part in one.quantized.items()}, device=device, module=layer
        )
    elif one.kind == "parameter":
        made = torch.nn.Parameter(tensor, requires_grad=False)
    for number, name in one.places:
        module = everything[number]
        if one.kind == "parameter":
            module._parameters[name] = made
        elif one.kind == "buffer":
            module._buffers[name] = made
        else:
            setattr(module, name, made)


# --- cutting ---------------------------------------------------------------------------------------------------------


def _shard(layer: Any, mesh: DeviceMesh, sharing: Sharing, name: str) -> None:
    """Cut the 4-bit weights of a layer that is whole on this card, and see that they are the same when gathered again.

    Raises HostUnfit (68).
    """
    linear = list(four_bit_layers(layer))
    if not linear:
        return
    before = _products(linear)
    attributes = [dict(vars(one.weight)) for one in linear]
    weights = {id(one.weight) for one in linear}
    with _frozen_parts():
        fully_shard(
            layer,
            mesh=mesh,
            reshard_after_forward=True,
            offload_policy=CPUOffloadPolicy() if sharing.held == "offloaded" else OffloadPolicy(),
            ignored_params={one for one in layer.parameters() if id(one) not in weights},
        )
    for one, known in zip(linear, attributes, strict=True):
        vars(one.weight).update(known)  # the part
    layer.unshard()
    for one, known in zip(linear, attributes, strict=True):
        vars(one.weight).update(known)  # what is gathered: FSDP2 keeps this object, and only empties it
    require_equal(before, _products(linear), name)
    layer.reshard()


@contextmanager
def _frozen_parts() -> Iterator[None]:
    """torch 2.11 makes each part a parameter that wants a gradient, and only then as frozen as the whole was; but bytes have
    none."""
    names = vars(_fsdp_param)
    before = names["nn"]
    names["nn"] = SimpleNamespace(**vars(before) | {"Parameter": partial(torch.nn.Parameter, requires_grad=False)})
    try:
        yield
    finally:
        names["nn"] = before


def _products(linear: list[Linear4bit]) -> list[torch.Tensor]:
    """What each matrix makes of the same numbers."""
    generator = torch.Generator().manual_seed(0)
    found = []
    with torch.no_grad():
        for one in linear:
            state: QuantState = one.weight.quant_state
            numbers = torch.randn(1, state.shape[1], generator=generator)
            found.append(one(numbers.to(one.weight.device, one.compute_dtype)).cpu())
    return found


def require_equal(before: list[torch.Tensor], after: list[torch.Tensor], name: str) -> None:
    """Raises HostUnfit (68) if a matrix that was cut and gathered computes something else."""
    differing = sum(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    if differing:
        raise HostUnfit(
            f"{differing} of {len(before)} matrices of {name} compute something else once the GPUs share them.",
            remedy="Set FINETUNE_TRAIN_SHARD=none, or use other versions of torch and bitsandbytes.",
        )

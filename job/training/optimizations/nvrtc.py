"""CUDA source compiled at run time and launched, by the NVRTC that torch brings: no compiler, no Triton, no header.

Knows nothing of what a kernel computes. What NVRTC has made is kept in torch's cache folder, by what went into it; a folder
that others may write is not used, since what lies there runs on the card.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import torch

log = logging.getLogger("job.train")
HERE = Path(__file__).resolve().parent
FLAGS = {torch.float32: "-DFLOAT32", torch.float16: "-DFLOAT16", torch.bfloat16: "-DBFLOAT16"}
OLDEST_WITH_BFLOAT16 = (8, 0)
DIGEST_BYTES = hashlib.sha256().digest_size
END, BUFFER, SIZE = 0, 1, 2
"""The driver's names of where arguments stand (CU_LAUNCH_PARAM_*)."""
Places = ctypes.c_void_p * 5
NO_CONTEXT = 201
WARNED: set[Path] = set()
"""Folders of which was said that nothing can be kept in them."""


class Unavailable(NotImplementedError):
    """Why this machine has none of these kernels."""


# --- source to machine code ------------------------------------------------------------------------------------------


@functools.cache
def _nvrtc() -> ctypes.CDLL:
    """Raises Unavailable."""
    version = torch.version.cuda
    if version is None:
        raise Unavailable("no kernels of our own: this build of PyTorch brings no NVRTC")
    name = f"libnvrtc.so.{version.partition('.')[0]}"
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise Unavailable(
            f"no kernels of our own: NVRTC, which torch brings to compile them, cannot be loaded: {error}"
        ) from error


def compiled(source: str, options: tuple[str, ...]) -> bytes:
    """Machine code of one architecture. Raises Unavailable with the compiler's first line if it does not compile."""
    nvrtc = _nvrtc()
    program = ctypes.c_void_p()
    _require(nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None))
    try:
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        if nvrtc.nvrtcCompileProgram(program, len(options), given):
            said = _text(program, nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog).decode(errors="replace")
            raise Unavailable(
                f"no kernels of our own: NVRTC does not compile them ({options[0]}): {said.splitlines()[0]}"
            )
        return _text(program, nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _require(result: int) -> None:
    if result:
        raise Unavailable(f"no kernels of our own: NVRTC fails with error {result}")


def _text(program: ctypes.c_void_p, size_of: Any, read: Any) -> bytes:
    size = ctypes.c_size_t()
    _require(size_of(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _require(read(program, text))
    return text.raw


def source_of(name: str) -> str:
    return "".join((HERE / file).read_text("utf-8") for file in ("element.cuh", f"{name}.cu"))


def options_for(dtype: torch.dtype, capability: tuple[int, int]) -> tuple[str, ...]:
    """Raises Unavailable for numbers that the card has no instruction for."""
    if dtype == torch.bfloat16 and capability < OLDEST_WITH_BFLOAT16:
        raise Unavailable("no kernels of our own: bfloat16 needs compute capability 8.0")
    return f"--gpu-architecture=sm_{capability[0]}{capability[1]}", FLAGS[dtype]


# --- kept between runs -----------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    return Path(torch.hub.get_dir()).with_name("lora-job")  # XDG_CACHE_HOME, TORCH_HOME: torch knows


def key_of(source: str, options: tuple[str, ...]) -> str:
    """What a change of makes another file: source, card, dtype, torch, and with it NVRTC."""
    parts = "\0".join((torch.__version__, str(torch.version.cuda), *options, source))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def kept(folder: Path, key: str, make: Callable[[], bytes]) -> bytes:
    """What `make` returns, from the folder if it is there. Where nothing can be kept it is made each time; the log says so."""
    path = folder / f"{key}.cubin"
    try:
        _require_own(folder)
        if (found := _read(path)) is not None:
            return found
    except OSError as error:
        _warn_once(folder, error)
        return make()
    code = make()
    partial = folder / f"{key}.{os.getpid()}"  # another process may be about to do the same
    try:
        partial.write_bytes(hashlib.sha256(code).digest() + code)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        _warn_once(folder, error)
    return code


_making = Lock()


def machine_code(name: str, dtype: torch.dtype, capability: tuple[int, int]) -> bytes:
    """What is in `name`.cu, for numbers of that dtype. From any thread, each made once. Raises Unavailable."""
    with _making:
        return _machine_code(name, dtype, capability)


@functools.cache
def _machine_code(name: str, dtype: torch.dtype, capability: tuple[int, int]) -> bytes:
    source, options = source_of(name), options_for(dtype, capability)
    return kept(cache_folder(), key_of(source, options), lambda: compiled(source, options))


def _require_own(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"other users may write {folder}")


def _read(path: Path) -> bytes | None:
    """None if there is no such file, or a torn one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _warn_once(folder: Path, error: OSError) -> None:
    """Each file has an error of its own."""
    if folder not in WARNED:
        WARNED.add(folder)
        log.warning(
            "stage=train kernels=not_kept folder=%s reason=%r: compiled at each start, a second or two",
            folder,
            f"{type(error).__name__}: {error}",
        )


# --- on the card -----------------------------------------------------------------------------------------------------


@functools.cache
def _driver() -> ctypes.CDLL:
    driver = ctypes.CDLL("libcuda.so.1")  # torch has loaded it
    number, address = ctypes.c_uint, ctypes.c_void_p
    driver.cuLaunchKernel.argtypes = [address, *[number] * 7, address, address, address]
    return driver


def _check(result: int) -> None:
    if result:
        name = ctypes.c_char_p()
        _driver().cuGetErrorName(result, ctypes.byref(name))
        raise RuntimeError(f"the driver fails with {(name.value or b'an unknown error').decode()}")


class Kernel:
    """One function on the card. A call launches it on torch's current stream, in 13 us of Python on a slow host (torch's own
    wrapper takes 54 on a faster one). It allocates and waits for nothing, so that a CUDA graph can record it."""

    def __init__(self, function: ctypes.c_void_p, types: tuple[Any, ...]) -> None:
        """`types`: ctypes of its parameters, whose layout is that of C."""
        fields = [(f"_{place}", kind) for place, kind in enumerate(types)]
        self.function = function
        self.layout = type("Arguments", (ctypes.Structure,), {"_fields_": fields})
        last = getattr(self.layout, fields[-1][0])
        self.size = ctypes.c_size_t(last.offset + last.size)  # the driver refuses what C adds to the end
        self.launch = _driver().cuLaunchKernel
        self.device = torch.cuda.current_device()
        self.context = ctypes.c_void_p()
        _check(_driver().cuCtxGetCurrent(ctypes.byref(self.context)))

    def __call__(self, blocks: int, threads: int, *values: Any, shared_bytes: int = 0) -> None:
        if not blocks:
            return
        arguments = self.layout(*values)  # its own for each call: the backward pass has another thread
        places = Places(BUFFER, ctypes.addressof(arguments), SIZE, ctypes.addressof(self.size), END)
        stream = torch._C._cuda_getCurrentRawStream(
            self.device
        )  # undocumented; a Stream object takes four times as long
        given = (self.function, blocks, 1, 1, threads, 1, 1, shared_bytes, stream, None, places)
        result = self.launch(*given)
        if result == NO_CONTEXT:  # a thread in which torch has launched nothing yet
            _check(_driver().cuCtxSetCurrent(self.context))
            result = self.launch(*given)
        _check(result)


@functools.cache
def load(name: str, dtype: torch.dtype, kernel: str, types: tuple[Any, ...]) -> Kernel:
    """A kernel of `name`.cu for numbers of that dtype, on the current card. Raises Unavailable."""
    code, function = module(name, dtype), ctypes.c_void_p()
    _check(_driver().cuModuleGetFunction(ctypes.byref(function), code, kernel.encode()))
    return Kernel(function, types)


@functools.cache
def module(name: str, dtype: torch.dtype) -> ctypes.c_void_p:
    """What is in `name`.cu, on the current card. Raises Unavailable."""
    code, found = machine_code(name, dtype, torch.cuda.get_device_capability()), ctypes.c_void_p()
    _check(_driver().cuModuleLoadData(ctypes.byref(found), code))
    return found

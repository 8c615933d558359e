"""What this machine computes with: device, threads, number format."""

import ctypes
import os
import platform
import threading
from typing import TypeVar

import torch
from torch import nn

from resnet_demo.cores import num_cores
from resnet_demo.errors import UserError, amount, require_one_of

VARIABLE = "RESNET_DEMO_DEVICE"  # what `--device` asks for
KINDS = ("cuda", "mps", "xpu", "cpu")  # the first that is there
TRACING = threading.Lock()  # TorchScript keeps notes of a trace for the whole process


def device() -> torch.device:
    """What everything is computed on. Raises UserError for a device that is not there."""
    there = [kind for kind in KINDS if kind == "cpu" or getattr(torch, kind).is_available()]
    wanted = os.environ.get(VARIABLE)
    if wanted:
        require_one_of("device", wanted, KINDS)
        if wanted not in there:
            raise UserError(f"torch finds no {wanted} device here, only {', '.join(there)}.")
    kind = wanted or there[0]
    if kind in ("cuda", "xpu"):  # a process of its own for each
        return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device(kind)


def fast_bf16(on: torch.device) -> bool:
    """Whether bfloat16 is faster than float32.

    Intel's processors since Sapphire Rapids (the first with avx512_fp16) are fast in AMX alone,
    which a virtual machine may hide. With avx512_bf16 alone float32 trains 1.4 times as fast
    (resnet18, 128 px: `bench train`); AMD's processors train twice as fast in bfloat16.
    """
    if on.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if on.type != "cpu":
        return False  # float32 where nothing was measured
    can = torch.cpu.get_capabilities()
    amx_alone = "Intel" in can.get("cpu_name", "") and can.get("avx512_fp16")
    return bool(can.get("amx_bf16") or (can.get("avx512_bf16") and not amx_alone))


M = TypeVar("M", bound=nn.Module)


def placed(model: M, on: torch.device) -> M:
    """On the device, with the channels last in memory: convolutions are twice as fast so."""
    return model.to(device=on).to(memory_format=torch.channels_last)


def autocast(on: torch.device) -> torch.autocast:
    return torch.autocast(on.type, torch.bfloat16, enabled=fast_bf16(on))


def prepare(threads: int | None = None) -> int:
    """This process's part of all cores (or `threads`), and memory that is kept between steps.

    Returns the number of threads, on which bit-exact results depend.
    """
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that torchrun started here
    torch.set_num_threads(threads or max(1, num_cores() // here))
    keep_freed_memory()
    return torch.get_num_threads()


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks instead of returning them to the system at every step.

    Fresh pages cost a quarter of a training step on a CPU (measured: `bench train`).
    """
    if platform.libc_ver()[0] != "glibc":
        return
    M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 * 2**20)


def describe_machine() -> str:
    """E.g. "AMD EPYC, 2 cores, bf16, torch 2.15.0"."""
    on = device()
    name = (
        torch.cuda.get_device_name()
        if on.type == "cuda"
        else torch.cpu.get_capabilities().get("cpu_name") or platform.processor()
    )
    number, version = "bf16" if fast_bf16(on) else "float32", torch.__version__.split("+")[0]
    return f"{name.strip()}, {amount(num_cores(), 'core')}, {number}, torch {version}"

"""What figures and results depend on beside the settings: versions, the device, the machine, its memory."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any, Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
PACKAGES = ("mnd", "torch", "torchvision", "numpy", "scikit-image", "pillow", "foolbox", "ssimulacra2")
"""Those on which figures depend."""
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def versions(*packages: str) -> dict[str, str | None]:
    """Of Python and of `packages`; None for one that is not installed.

    >>> sorted(versions("torch"))
    ['python', 'torch']
    """
    from .. import __version__

    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = __version__ if name == "mnd" else importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def pick_device(name: str) -> str:
    """The device that `auto` stands for, or the one asked for.

    That is CUDA where it is there, Apple's MPS where `mnd doctor` has seen it work, else the CPU.

    Raises:
        ValueError: this machine has no such device.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        if there["cuda"]:
            return "cuda"
        from .proven import is_proven

        return "mps" if there["mps"] and is_proven("mps") else "cpu"
    if not there[name]:
        names = ", ".join(kind for kind, ready in there.items() if ready)
        raise ValueError(
            f"device is {name!r}, which this machine does not have, expected one of auto, {names}"
        )
    return name


def give_back_memory() -> None:
    """Hand memory that was let go of back to the system, where the C library keeps it (glibc does).

    A process that goes on for hours would else grow with the pictures that it has seen.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):  # other systems have no such function
        ctypes.CDLL(None).malloc_trim(0)


def hardware(device: str) -> dict[str, Any]:
    """Processor, threads, memory and GPU."""
    import torch

    gpu = torch.cuda.get_device_name() if device == "cuda" else "MPS" if device == "mps" else None
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "ram_gb": _memory(),
        "gpu": gpu,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        if found := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M):
            return found.group(1)
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    size = memory()
    return None if size is None else round(size / 1e9, 1)


_CONTAINER = Path("/sys/fs/cgroup/memory.max")
"""What a container may take in all; "max": there is no limit."""


def memory() -> int | None:
    """Bytes of memory that this process may have: the machine's, or the container's; None: not known."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with contextlib.suppress(OSError, ValueError):
        size = min(size, int(_CONTAINER.read_text()))
    return size


class Peak:
    """The largest memory since `start`, in MB: of the process (Linux), or of the GPU; None elsewhere."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.known = False

    def start(self) -> None:
        """Forget what was before."""
        if self.device == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
            return
        try:
            _CLEAR.write_text("5")  # resets the high-water mark, proc(5)
            self.known = _STATUS.exists()
        except OSError:
            self.known = False

    @property
    def megabytes(self) -> float | None:
        """As far as it is known."""
        if self.device == "cuda":
            import torch

            return torch.cuda.max_memory_allocated() / 1e6
        mark = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.M) if self.known else None
        return int(mark.group(1)) * 1024 / 1e6 if mark else None

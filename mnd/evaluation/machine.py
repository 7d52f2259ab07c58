"""The machine and the versions that figures belong to, and how much memory something took at most."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("mnd", "torch", "torchvision", "numpy", "scikit-image", "pillow", "foolbox", "ssimulacra2")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def hardware(device: str) -> dict[str, Any]:
    """Processor, threads, memory and GPU."""
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
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None


class Peak:
    """The largest memory since `start`, in MB: of the process (Linux), or of the GPU; None elsewhere."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.known = False

    def start(self) -> None:
        """Forget what was before."""
        if self.device == "cuda":
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
            return torch.cuda.max_memory_allocated() / 1e6
        mark = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.M) if self.known else None
        return int(mark.group(1)) * 1024 / 1e6 if mark else None

"""A program that protects a data set with a trivial search, and tells what it cost: SRC DST [WORKERS]."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def peak() -> float:
    """MB of this process; what `getrusage` says of it begins with what its parent had when it was started."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    start = time.perf_counter()
    from mnd.cloaking.settings import CloakSettings
    from mnd.dataset import protect
    from mnd.dataset.settings import ProtectSettings
    from tests.helpers.fakes import TrivialJob

    protect.ProtectJob = TrivialJob  # type: ignore[misc]
    settings = ProtectSettings(workers=int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    loaded = time.perf_counter()
    summary = protect.Protection(sys.argv[1], sys.argv[2], CloakSettings(targets=("dlib",)), settings).run()
    peaks = [peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]
    print(json.dumps({
        "seconds": summary.seconds, "all": time.perf_counter() - start, "cpu": time.process_time(),
        "load": loaded - start, "photos": summary.photos, "kept": summary.kept, "done": summary.done,
        "peaks": peaks, "notes": summary.notes,
    }))  # fmt: skip

"""The soak finds what is wrong, and a small one finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import soak


@pytest.mark.slow
def test_a_small_soak_ends_well():
    found = soak.soak(photos=20, faults=6)
    assert found["wrong"] == []
    assert sum(found["outcomes"].values()) == found["photos"] == 20  # type: ignore[attr-defined]


@pytest.mark.slow
def test_what_is_wrong_is_found(tmp_path: Path):
    run = soak.Soak(tmp_path, 12, seed=1)
    run.in_peace(run.dst)
    run.in_peace(tmp_path / "clean")
    assert list(run.wrong(tmp_path / "clean")) == []
    done = [run.dst / name for name in soak.files(run.dst)]
    done[0].unlink()
    done[1].write_bytes(done[1].read_bytes()[:-1])
    source = next(p for p in run.names if p.name == done[2].name)
    done[2].write_bytes(source.read_bytes())
    (run.dst / ".half").write_bytes(b"x")
    manifest = soak.manifest_path(run.dst)
    manifest.write_text(manifest.read_text() + "{")
    names = [path.relative_to(run.dst).as_posix() for path in done]
    said = list(run.wrong(tmp_path / "clean"))
    wanted = ("missing: {0}", "other bytes: {1}", "clean picture: {2}", "left lying about: .half")
    for told in (line.format(*names) for line in wanted):
        assert told in said
    assert any(told.startswith("torn: ") for told in said)

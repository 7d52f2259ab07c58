"""What is known of the machine that this runs on."""

import os

import pytest

from mnd.base import runtime


@pytest.mark.parametrize(("told", "expected"), [("1000000\n", 1_000_000), ("max\n", None), (None, None)])
def test_a_container_may_have_less_than_the_machine(tmp_path, monkeypatch, told, expected):
    limit = tmp_path / "memory.max"
    if told is not None:
        limit.write_text(told)
    monkeypatch.setattr(runtime, "_CONTAINER", limit)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert runtime.memory() == (expected or machine)


def test_a_system_that_does_not_tell(monkeypatch):
    def no(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", no)
    assert runtime.memory() is None
    assert runtime.hardware("cpu")["ram_gb"] is None

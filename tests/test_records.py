"""Records: what is said of errors, and when a photo counts as protected."""

from __future__ import annotations

import errno

import pytest
import torch

from mnd.faces import FaceError
from mnd.files import PhotoError
from mnd.records import TROUBLE, all_fooled, failed, still_recognised


def entry(*fooled: bool) -> dict:
    targets = {
        f"t{i}": {
            "unit": "euclidean distance",
            "threshold": 0.6,
            "before": 0.0,
            "after": 0.3 + f,
            "fooled": f,
        }
        for i, f in enumerate(fooled)
    }
    return {"box": [1, 2, 3, 4], "kind": "face", "targets": targets}


@pytest.mark.parametrize(
    ("regions", "want"),
    [
        ([entry(True)], True),
        ([entry(True, True), entry(True)], True),
        ([entry(True, False)], False),
        ([entry(True), entry(False)], False),
        ([], False),
        ([entry()], False),
    ],
)
def test_all_fooled(regions, want):
    assert all_fooled({"regions": regions}) is want


def test_still_recognised_names_those_that_do():
    text = still_recognised({"input": "a.jpg", "regions": [entry(True, False), entry(True)]})
    assert text == (
        "a.jpg: still recognised by t1 at face [1, 2, 3, 4] (euclidean distance 0.300, threshold 0.6)"
    )
    assert still_recognised({"input": None, "regions": [entry(False)]}).startswith("the photo: ")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PhotoError("truncated", "x"), "truncated"),
        (FaceError.none_found((3, 4)), "no-face"),
        (ValueError("x"), "value"),
        (MemoryError(), "memory"),
        (torch.cuda.OutOfMemoryError("no room"), "memory"),
        (OSError(errno.ENOSPC, "full"), "disk-full"),
        (PermissionError(errno.EACCES, "no"), "file"),
    ],
)
def test_kinds_of_errors(error, kind):
    assert isinstance(error, TROUBLE)
    record = {"input": "a.jpg", "output": "b.jpg", "protected": True, "error": None}
    failed(record, error)
    assert record["output"] is None
    assert record["protected"] is False
    assert record["error"]["kind"] == kind
    assert record["error"]["message"].startswith("a.jpg: ")


def test_the_file_is_named_once():
    record = {"input": "a.jpg"}
    failed(record, PhotoError("empty", "a.jpg: the file has 0 bytes"))
    assert record["error"]["message"] == "a.jpg: the file has 0 bytes"


def test_an_error_without_text_has_its_name():
    record = {"input": None}
    failed(record, MemoryError())
    assert record["error"]["message"] == "MemoryError"


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), AssertionError()])
def test_faults_of_the_program_are_not_hidden(error):
    record = {"input": "a.jpg"}
    with pytest.raises(type(error)):
        failed(record, error)

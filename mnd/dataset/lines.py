"""What a line of a manifest has to look like, so that no reader of it stumbles over one that is damaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Line = dict[str, Any]
"""A line of a manifest: of a photo a `mnd.cloaking.record.Record` with more fields (`docs/datasets.md`)."""

Check = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    """
    >>> is_text("a"), is_text(None)
    (True, False)
    """
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Whether it can be computed with.

    >>> is_number(0.5), is_number(True), is_number(10**400), is_number("1")
    (True, False, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 1000


def fits(value: Any, checks: Mapping[str, Check], needed: tuple[str, ...] = ()) -> bool:
    """Whether it is an object whose fields, where they are there, are as they should be.

    >>> fits({"a": "x", "b": 1}, {"a": is_text}), fits({"a": None}, {"a": is_text}), fits([], {})
    (True, False, False)
    """
    return (
        isinstance(value, dict)
        and all(name in value for name in needed)
        and all(check(value[name]) for name, check in checks.items() if name in value)
    )


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _object(**checks: Check) -> Check:
    return lambda value: fits(value, checks)


def _list(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(inner) for inner in value)


def _named(check: Check) -> Check:
    """An object whose values are such."""
    return lambda value: isinstance(value, dict) and all(check(inner) for inner in value.values())


def _is_digest(value: Any) -> bool:
    try:
        return is_text(value) and len(bytes.fromhex(value)) == 16
    except ValueError:
        return False


def _is_told(value: Any) -> bool:
    """What a target says of a region."""
    checks = {
        "unit": is_text, "threshold": is_number, "after": _or_none(is_number), "channel": _or_none(_object()),
    }  # fmt: skip
    return fits(value, checks, ("unit", "threshold", "after", "fooled"))


_REGION = {"targets": _named(_is_told), "who": _or_none(is_text)}
_QUALITY = _object(
    ssim=_or_none(is_number), psnr=_or_none(is_number),
    regions=_or_none(_list(_object(ssim=_or_none(is_number)))),
)  # fmt: skip
_LINE: dict[str, Check] = {
    "input": is_text, "output": _or_none(is_text), "input_digest": _is_digest,
    "input_sha256": _or_none(is_text), "output_sha256": _or_none(is_text), "why": _or_none(is_text),
    "error": _or_none(_object(kind=_or_none(is_text), message=_or_none(is_text))),
    "gallery": _or_none(_object(faces=is_number, person=is_number)),
    "quality": _or_none(_QUALITY), "seconds": _or_none(is_number),
    "regions": _or_none(_list(lambda value: fits(value, _REGION, ("targets",)))),
    "left": _or_none(_named(is_number)),
}  # fmt: skip
_HEADER: dict[str, Check] = {
    "settings": _or_none(_object()), "versions": _or_none(_object()), "source": _or_none(is_text),
    "source_place": _or_none(is_text),
}  # fmt: skip


def is_line(value: Any, statuses: tuple[str, ...]) -> bool:
    """Whether a manifest may hold this: a header, or what became of an input.

    >>> is_line({"input": "a.jpg", "status": "copied"}, ("copied",)), is_line({"input": 1}, ("copied",))
    (True, False)
    """
    if isinstance(value, dict) and "mnd_manifest" in value:
        return fits(value, _HEADER)
    return fits(value, _LINE, ("input",)) and value.get("status") in statuses

"""Schemas as tests want them: nothing may be there that they do not name."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema

from mnd.base.schemas import schema


def closed(name: str) -> dict[str, Any]:
    """The schema `name`, in which no object may have other fields than those named."""

    def close(part: Any) -> None:
        if isinstance(part, dict):
            if "properties" in part:
                part.setdefault("additionalProperties", False)
            for inner in part.values():
                close(inner)
        elif isinstance(part, list):
            for inner in part:
                close(inner)

    whole = copy.deepcopy(schema(name))
    close(whole)
    return whole


def check(name: str, told: Any) -> None:
    """Refuse what the schema does not allow, or does not name.

    Raises:
        jsonschema.ValidationError: it does not fit.
    """
    jsonschema.Draft202012Validator(closed(name)).validate(told)

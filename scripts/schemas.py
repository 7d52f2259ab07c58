"""`mnd/base/schemas/*.json` from the types of the code: `python scripts/schemas.py` writes them anew."""

from __future__ import annotations

import ast
import inspect
import json
import types
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from mnd.base.schemas import NAMES
from mnd.cloaking.record import Record
from mnd.dataset.line_record import HeaderRecord, LineRecord
from mnd.evaluation.line_record import ResultRecord
from mnd.metrics.measure_record import PairRecord, SummaryRecord
from mnd.targets.alignment import ALIGNMENTS
from mnd.targets.card import KINDS, UNITS, TargetCard
from mnd.targets.json_card import ALLOWED, CARD_FORMAT, CHANNELS, LARGEST, NOTES, REQUIRED
from mnd.targets.looks import LOOKS

FOLDER = Path(__file__).resolve().parents[1] / "mnd" / "base" / "schemas"
ARCHITECTURE = "^(onnx|mobilefacenet|mobileface-v2|facenet|(timm|torchvision):.+)$"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
Schema = dict[str, Any]


class Types:
    """Schemas of types; those of objects are named once, in `defs`."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type."""
        origin, inner = get_origin(kind), get_args(kind)
        if origin is NotRequired:
            return self.of(inner[0])
        if kind is Any:
            return {}
        if kind in PLAIN:
            return {"type": PLAIN[kind]}
        if origin is Literal:
            return {"enum": sorted(_values(kind), key=str)}
        if origin in (Union, types.UnionType):
            return self._one_of([self.of(part) for part in inner])
        if origin is list:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if is_typeddict(kind):
            return {"$ref": f"#/$defs/{self.named(kind)}"}
        raise TypeError(f"no schema for {kind!r}")

    def named(self, kind: Any) -> str:
        """The name of an object's schema, which is in `defs` then."""
        name = str(kind.__name__)
        if name not in self.defs:
            self.defs[name] = {}  # an object may hold others of its own kind
            self.defs[name] = self._object(kind)
        return name

    def _object(self, kind: Any) -> Schema:
        hints, docs = get_type_hints(kind, include_extras=True), _docs(kind)
        properties = {
            field: self.of(hint) | ({"description": docs[field]} if field in docs else {})
            for field, hint in hints.items()
        }
        told = (inspect.getdoc(kind) or "").partition("\n")[0]
        required = [field for field, hint in hints.items() if get_origin(hint) is not NotRequired]
        return {"type": "object", "description": told, "properties": properties, "required": required}

    @staticmethod
    def _one_of(parts: list[Schema]) -> Schema:
        plain = [part["type"] for part in parts if set(part) == {"type"}]
        if len(plain) == len(parts):
            return {"type": plain}
        return {"anyOf": parts}


def _values(kind: Any) -> list[Any]:
    """Those of a Literal, which may have others in it."""
    found: list[Any] = []
    for value in get_args(kind):
        found += _values(value) if get_origin(value) is Literal else [value]
    return found


def _docs(kind: Any) -> dict[str, str]:
    """The docstrings under the fields of a class and of those that it is made of."""
    told: dict[str, str] = {}
    for base in (*getattr(kind, "__orig_bases__", ()), kind):
        if not is_typeddict(base):
            continue
        if base is not kind:
            told |= _docs(base)
            continue
        [body] = ast.parse(inspect.getsource(base)).body
        assert isinstance(body, ast.ClassDef)
        for name, doc in zip(body.body, body.body[1:], strict=False):
            match name, doc:
                case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                    told[field] = " ".join(text.split())
    return told


def _whole(title: str, kinds: list[Any]) -> Schema:
    """The schema of a file's objects, each of one of these kinds."""
    known = Types()
    several = [{"$ref": f"#/$defs/{known.named(kind)}"} for kind in kinds]
    which: Schema = several[0] if len(several) == 1 else {"anyOf": several}
    return {"$schema": DRAFT, "title": f"mnd {title}", **which, "$defs": known.defs}


def card() -> Schema:
    """A recogniser's card; what a schema cannot say (a unit that suits the kind) is said when it is read."""
    text, number, share = (
        {"type": "string"},
        {"type": "number"},
        {"type": "number", "minimum": 0, "maximum": 1},
    )
    three = {"type": "array", "items": number, "minItems": 3, "maxItems": 3}
    pixels = {"type": "integer", "minimum": 1, "maximum": LARGEST}
    known: dict[str, Schema] = {
        "mnd_card": {"const": CARD_FORMAT},
        "kind": {"enum": list(KINDS)},
        "unit": {"enum": list(UNITS)},
        "threshold": number,
        "size": {"type": "array", "items": pixels, "minItems": 2, "maxItems": 2},
        "download": {"type": "integer", "minimum": 0},
        "template": {"enum": ["none", *ALIGNMENTS]},
        "padding": {"type": "number", "minimum": 0, "maximum": 2},
        "mean": three,
        "std": three | {"items": {"type": "number", "exclusiveMinimum": 0}},
        "judged_as": {"type": "array", "items": {"enum": list(LOOKS)}},
        "lfw": {"anyOf": [share, {"type": "null"}]},
        "judge_only": {"type": "boolean"},
        "surrogate": {"type": "boolean"},
        "sha256": {"anyOf": [{"type": "string", "pattern": "^[0-9a-fA-F]{8,64}$"}, {"type": "null"}]},
        "architecture": {
            "type": "string",
            "pattern": "^(onnx|mobilefacenet|mobileface-v2|facenet|(timm|torchvision):.+)$",
        },
        "weights": {"type": "string", "pattern": r"\.(onnx|safetensors)$"},
        "resize": pixels,
        "interpolation": {"enum": ["bilinear", "bicubic"]},
        "channels": {"enum": list(CHANNELS)},
        **{name: {} for name in NOTES},
    }
    docs = _card_docs()
    properties = {
        name: known.get(name, text) | ({"description": docs[name]} if name in docs else {})
        for name in ALLOWED
    }
    return {
        "$schema": DRAFT, "title": "mnd card", "description": "A recogniser of one's own (docs/cards.md).",
        "type": "object", "properties": properties, "required": list(REQUIRED), "additionalProperties": False,
    }  # fmt: skip


def _card_docs() -> dict[str, str]:
    from mnd.cli.flags import attribute_docs

    return attribute_docs(TargetCard)


def schemas() -> dict[str, Schema]:
    """Every schema by its name."""
    return {
        "card": card(),
        "manifest": _whole("manifest", [HeaderRecord, LineRecord]),
        "measure": _whole("measure", [PairRecord, SummaryRecord]),
        "record": _whole("record", [Record]),
        "results": _whole("results", [ResultRecord]),
    }


def written() -> dict[str, str]:
    """The text of every file."""
    return {name: json.dumps(schemas()[name], indent=1, ensure_ascii=False) + "\n" for name in NAMES}


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / f"{name}.json").write_text(text, "utf-8")

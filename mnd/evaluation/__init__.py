"""Attacks compared as a paper would: data, protocol, measures, summaries and a report.

Pictures and names of targets and attacks go in; `results.jsonl` and a page come out. It asks `attacks` for
each picture, and `cloaking` for the subjects of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

if TYPE_CHECKING:
    from .results import MEASURES, Measure, Row, read_results, read_run
    from .run import Evaluation, compare, evaluate
    from .settings import EvaluationSettings

__all__ = [
    "MEASURES",
    "Evaluation",
    "EvaluationSettings",
    "Measure",
    "Row",
    "compare",
    "evaluate",
    "read_results",
    "read_run",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "results": ["MEASURES", "Measure", "Row", "read_results", "read_run"],
        "run": ["Evaluation", "compare", "evaluate"],
        "settings": ["EvaluationSettings"],
    },
)

"""The plot of `levels.py`: success on a recogniser that nobody attacked, against visible quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.rivals import RIVALS
from mnd.evaluation.report import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {"mnd": "MND", **RIVALS}
Points = Sequence[tuple[float, float]]
"""Mean SSIMULACRA2, and per cent."""


def transfer_plot(
    curves: Mapping[str, Mapping[str, Points]], channels: Mapping[str, str], unseen: str
) -> bytes:
    """A panel a channel with a curve a method, right and up is better. SVG, in UTF-8.

    Args:
        curves: by channel and method.
        channels: their titles.
        unseen: the title of the recogniser that judges.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    with figures._figure(8.2, 3.5) as figure:
        panels = figure.subplots(1, len(curves), sharex=True, sharey=True, squeeze=False)[0]
        for panel, (channel, methods) in zip(panels, curves.items(), strict=True):
            _panel(panel, methods)
            panel.set_title(channels[channel], loc="left", fontsize=9.5)
        panels[0].set_ylabel(f"held-back photos that\n{unseen} no longer matches")
        figure.supxlabel("mean SSIMULACRA2 of the saved file   \N{RIGHTWARDS ARROW} better", fontsize=9.5)
        panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=2.6, fontsize=9)
        return figures._svg(figure)


def _panel(axes: Axes, methods: Mapping[str, Points]) -> None:
    look = figures.styles(list(TITLES))
    for name, points in methods.items():
        across, up = zip(*sorted(points), strict=True)
        style = look[name]
        axes.plot(
            across,
            up,
            color=style.colour,
            linestyle=style.dash,
            linewidth=style.width,
            marker=style.marker,
            markersize=4.5,
            label=TITLES[name],
            zorder=style.front,
        )
    axes.set_ylim(0, 103)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")

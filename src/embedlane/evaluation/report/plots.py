"""The report's plots, as SVG that stands in the page and takes its colours from it.

Matplotlib knows no CSS. So each colour is drawn as a value that stands for a variable of the page, and is
replaced in what comes out; the same plot is then readable on a light and on a dark page.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from embedlane.evaluation.wording import dollars, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from embedlane.evaluation.comparison import Candidate, Comparison

#: Colours that stand for variables of the page.
_INK, _MUTED, _GRID = "#010101", "#010102", "#010103"
_UP, _DOWN = "#010104", "#010105"
_SERIES = tuple(f"#0102{number:02x}" for number in range(6))
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _GRID: "--grid", _UP: "--up", _DOWN: "--down"} | {
    colour: f"--series-{number}" for number, colour in enumerate(_SERIES)
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _MUTED,
    "axes.edgecolor": _GRID,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
}
_MARKERS = "osD^vP"


def draw(found: Comparison) -> dict[str, str]:
    """All plots of *found*, by name."""
    import matplotlib as mpl  # noqa: PLC0415 - comes with an extra

    with mpl.rc_context(_STYLE):
        return {
            "size": _svg(_against_size(found), "size", "Quality against size"),
            "cost": _svg(_against_cost(found), "cost", "Quality against cost"),
            "queries": _svg(_by_query(found), "queries", "Differences query by query"),
        }


def _figure(width: float, height: float, rows: int = 1) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - comes with an extra

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, 1, squeeze=False)[:, 0])


def _against_size(found: Comparison) -> Figure:
    """The main metric over the bytes of a vector; the sizes of one model are joined."""
    figure, [axes] = _figure(7, 3.8)
    models = _by_model(found)
    for number, (model, mine) in enumerate(models):
        small_first = sorted(mine, key=lambda each: each.bytes_per_vector)
        # A little beside each other, so that intervals at one size can be told apart.
        aside = 2 ** (0.06 * (number - (len(models) - 1) / 2))
        places = [each.bytes_per_vector * aside for each in small_first]
        _points(axes, number, str(model), places, small_first, found.main)
    axes.set_xscale("log", base=2)
    ticks = sorted({each.bytes_per_vector for each in found.candidates})
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    axes.minorticks_off()
    axes.set_xlabel("bytes per vector (float32, logarithmic)")
    _finish(axes, found)
    return figure


def _against_cost(found: Comparison) -> Figure:
    """The main metric over the price of embedding everything once, in the cheaper lane."""
    figure, [axes] = _figure(7, 3.8)
    known = [each for each in found.candidates if each.cheapest is not None]
    highest = max((each.cheapest or 0.0 for each in known), default=0.0)
    if highest:
        places = _beside_each_other(known, highest)
        axes.set_xlim(-0.1 * highest, 1.2 * highest)
        axes.set_xlabel("US dollars for embedding all contents once, in the cheaper lane (estimated)")
        axes.xaxis.set_major_formatter(lambda value, _position: dollars(value))
    else:
        # All at one price: in a row, so that they can be told apart.
        places = {each.name: float(number) for number, each in enumerate(known)}
        axes.set_xticks([])
        axes.set_xlim(-0.6, max(len(known), 1) - 0.4)
        axes.set_xlabel(
            "all candidates are free, so cost does not order them" if known else "no price is known"
        )
    for number, (model, mine) in enumerate(_by_model(found)):
        priced = [each for each in mine if each.name in places]
        _points(axes, number, str(model), [places[each.name] for each in priced], priced, found.main, "none")
    for each in known:
        place = (places[each.name], each.metrics[found.main].high)
        offset: dict[str, Any] = {"xytext": (0, 4), "textcoords": "offset points"}
        axes.annotate(str(each.dimensions), place, ha="center", fontsize=8, color=_MUTED, **offset)
    _finish(axes, found)
    return figure


def _beside_each_other(known: Sequence[Candidate], highest: float) -> dict[str, float]:
    """Prices as places; those of one model, which are one, a little beside each other."""
    places = {}
    for model in dict.fromkeys(each.model for each in known):
        mine = sorted((each for each in known if each.model == model), key=lambda each: -each.dimensions)
        for number, each in enumerate(mine):
            aside = 0.05 * highest * (number - (len(mine) - 1) / 2)
            places[each.name] = (each.cheapest or 0.0) + aside
    return places


def _by_query(found: Comparison) -> Figure:
    """For each candidate the difference of the main metric, query by query, in falling order."""
    others = [each.name for each in found.candidates[1:]]
    figure, all_axes = _figure(7, 1.0 + 1.25 * len(others), len(others))
    for axes, name in zip(all_axes, others, strict=True):
        gaps = sorted((row.score[name] - row.score[found.baseline] for row in found.per_query), reverse=True)
        colours = [_UP if gap > 0 else _DOWN for gap in gaps]
        axes.bar(range(len(gaps)), gaps, width=0.85, color=colours)
        axes.axhline(0, color=_MUTED, linewidth=0.8)
        axes.set_ylim(-1.05, 1.05)
        axes.set_xlim(-0.7, len(gaps) - 0.3)
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
        better, worse = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
        told = f"{name}: better in {better}, equal in {len(gaps) - better - worse}, worse in {worse}"
        axes.set_title(told, loc="left", fontsize=10)
    all_axes[-1].set_xlabel(f"{found.queries} queries, each in falling order of the difference")
    figure.supylabel(f"difference in {title(found.main)}", fontsize=10, color=_MUTED)
    return figure


def _points(
    axes: Axes,
    number: int,
    label: str,
    places: Sequence[float],
    mine: Sequence[Candidate],
    metric: str,
    line: str = "-",
) -> None:
    """One model's candidates with their intervals; sizes that it was not trained for are hollow."""
    if not mine:
        return
    colour = _SERIES[number % len(_SERIES)]
    values = [each.metrics[metric] for each in mine]
    means = [value.mean for value in values]
    reach = [[v.mean - v.low for v in values], [v.high - v.mean for v in values]]
    common: dict[str, Any] = {"color": colour, "marker": _MARKERS[number % len(_MARKERS)], "markersize": 6}
    axes.errorbar(places, means, yerr=reach, capsize=3, linewidth=1.2, linestyle=line, label=label, **common)
    hollow = [(x, y) for x, y, each in zip(places, means, mine, strict=True) if not each.usable]
    for x, y in hollow:
        axes.plot([x], [y], linestyle="none", markerfacecolor="#ffffff", zorder=4, **common)


def _finish(axes: Axes, found: Comparison) -> None:
    axes.set_ylabel(f"{title(found.main)} (mean, {found.level * 100:.3g} % interval)")
    lows = [each.metrics[found.main].low for each in found.candidates]
    highs = [each.metrics[found.main].high for each in found.candidates]
    axes.set_ylim(max(0.0, min(lows) - 0.06), min(1.02, max(highs) + 0.06))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2, fontsize=9)


def _by_model(found: Comparison) -> list[tuple[object, list[Candidate]]]:
    models = list(dict.fromkeys(each.model for each in found.candidates))
    return [(model, [each for each in found.candidates if each.model == model]) for model in models]


def _svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an element of the page, with a label for those who do not see it."""
    import matplotlib as mpl  # noqa: PLC0415 - comes with an extra

    buffer = io.StringIO()
    # The salt makes ids that are the same in each run, and differ from plot to plot.
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#ffffff", "var(--page)")
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    opening = rf'<svg viewBox="\1" id="plot-{name}" role="img" aria-label="{label}">'
    text = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', opening, text, count=1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", text)

"""A comparison for people: tables on the terminal, the verdict at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane.cli.tables import counted, dollars, note, say, shortened, table
from embedlane.evaluation.wording import level, title

if TYPE_CHECKING:
    from embedlane.evaluation.bootstrap import Interval
    from embedlane.evaluation.comparison import Candidate, Comparison
    from embedlane.workspace.reports import ComparePlan, EmbedPlan

#: Columns of a query's text.
_QUERY = 48


def note_cost(plan: ComparePlan) -> None:
    """Say on stderr, before it starts, what it will cost."""
    rows = sum(embed.rows for embed in plan.embeds)
    note(
        f"{counted(rows, 'vector')} to embed, {plan.queries:,} queries in each of "
        f"{counted(len(plan.embeds), 'space')}: {dollars(plan.cost)}."
    )


def render_plan(plan: ComparePlan) -> None:
    """Print what it would cost."""
    say(f"Candidates: {', '.join(plan.candidates)}.")
    ranked = f"{plan.ranked:,} of {counted(plan.items, 'item')} ranked for {plan.queries:,} queries"
    say(f"{ranked}, {plan.method}.")
    headings = ("EMBED", "LANE", "PROVIDER", "CONTENTS", "TOKENS", "COST", "QUERY TOKENS", "QUERY COST")
    table(headings, map(_embed_row, plan.embeds))
    say(f"In all: {dollars(plan.cost)}.")
    _notes(plan.notes)


def render_comparison(found: Comparison, *, per_query: bool) -> None:
    """Print what was found."""
    say(
        f"{found.ranked:,} of {counted(found.items, 'item')} of '{found.index}' ranked for {found.queries:,} "
        f"queries, {found.method}. Seed {found.seed}."
    )
    say("")
    _quality(found)
    _costs(found)
    _pairs(found)
    if found.sizes:
        _sizes(found)
    if per_query:
        _per_query(found)
    _notes(found.notes)
    say(found.verdict.sentence)


def _quality(found: Comparison) -> None:
    """Means with their intervals, and the difference of the main metric."""
    names = list(found.candidates[0].metrics)
    gaps = {each.candidate: spanned(each.metrics[found.main], signed=True) for each in found.differences}
    rows = [
        (
            _marked(each, found),
            *(spanned(each.metrics[name]) for name in names),
            gaps.get(each.name, "baseline"),
        )
        for each in found.candidates
    ]
    gap = f"{title(found.main)} − BASELINE ({level(found.difference_level)})"
    table(("CANDIDATE", *(f"{title(name)} ({level(found.level)})" for name in names), gap), rows)
    say("")


def _costs(found: Comparison) -> None:
    headings = ("CANDIDATE", "BYTES", "FULL EMBED SYNC", "BATCH", "QUERY", "RELEVANT", "RANDOM")
    table(
        headings,
        (
            (
                each.name,
                f"{each.bytes_per_vector:,}",
                *(dollars(each.cost[lane]) if lane in each.cost else "-" for lane in ("sync", "batch")),
                f"{each.latency:.3g} ms",
                f"{each.relevant_similarity:.3f}",
                f"{each.random_similarity:.3f}",
            )
            for each in found.candidates
        ),
    )
    calls = found.candidates[0].latency_calls
    say(
        "BYTES of a vector; FULL EMBED of all contents once, tokens estimated; QUERY: median of "
        f"{calls} sync calls, measured here; RELEVANT, RANDOM: mean cosine of query and item."
    )
    say("")


def _pairs(found: Comparison) -> None:
    """What two models share; two sizes of one model are in the table of sizes."""
    rows = [
        (pair.one, pair.other, f"{pair.overlap:.0%}", f"{pair.cross_similarity:+.3f}".replace("-", "−"))
        for pair in found.crossing
    ]
    if rows:
        table(("ONE", "OTHER", f"SHARED OF FIRST {found.k}", "CROSS-MODEL COSINE"), rows)
        say("")


def _sizes(found: Comparison) -> None:
    table(
        ("MODEL", "SIZE", f"QUALITY ({title(found.main)})", "MEMORY", ""),
        (
            (
                row.model,
                row.dimensions,
                "-" if row.quality is None else f"{row.quality:.1%}",
                f"{row.memory:.1%}",
                "" if row.trained else "not trained for it",
            )
            for row in found.sizes
        ),
    )
    say("")


def _per_query(found: Comparison) -> None:
    """The similarity of the best hit, and its difference in per cent."""
    others = [each.name for each in found.candidates[1:]]
    headings = ["QUERY", found.baseline]
    for name in others:
        headings += [name, "±%"]
    rows = []
    for row in found.per_query:
        cells = [shortened(row.text, _QUERY), f"{row.best[found.baseline]:.2f}"]
        for name in others:
            change = row.best_change[name]
            cells += [
                f"{row.best[name]:.2f}",
                "-" if change is None else f"{change:+.0f} %".replace("-", "−"),
            ]
        rows.append(cells)
    say("Similarity of the best hit. Each model has its own scale: a larger cosine is not a better hit.")
    table(headings, rows)
    say("")


def spanned(interval: Interval, *, signed: bool = False) -> str:
    """Such as ``0.512 [0.430, 0.594]``."""
    form = "{:+.3f}" if signed else "{:.3f}"
    mean, low, high = (form.format(n).replace("-", "−") for n in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]"


def _marked(candidate: Candidate, found: Comparison) -> str:
    marks = []
    if candidate.name == found.baseline and candidate.current:
        marks.append("in use")
    if not candidate.usable:
        marks.append("cut, not trained")
    return f"{candidate.name} ({', '.join(marks)})" if marks else candidate.name


def _embed_row(embed: EmbedPlan) -> tuple[object, ...]:
    name = f"{embed.space.model} @ {embed.space.dimensions}"
    if not embed.rows:
        return (name, "-", "-", "all stored", "-", "-", f"{embed.query_tokens:,}", dollars(embed.query_cost))
    return (
        name,
        embed.lane,
        embed.provider,
        f"{embed.rows:,}",
        f"{embed.tokens:,}",
        dollars(embed.cost),
        f"{embed.query_tokens:,}",
        dollars(embed.query_cost),
    )


def _notes(notes: tuple[str, ...]) -> None:
    for text in notes:
        note(f"note: {text}")

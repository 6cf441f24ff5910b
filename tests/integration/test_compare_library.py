"""The offline comparison on real text, and its report in a browser."""

from __future__ import annotations

import html
import re
import shutil
import subprocess

import pytest
from stdlib_corpus import QUERIES, library_index

from embedlane import Workspace
from embedlane.config.settings import load_config
from embedlane.evaluation.queries import read_queries
from embedlane.evaluation.report.page import write_report
from embedlane.workspace.comparing import CompareOptions

MINILM, HASH = "local:all-minilm-l6-v2", "local:hash"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OFFLINE = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars"),
    # Whatever the page might ask for, no name is found.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """MiniLM, its cut sizes and the hash model, on a sample of the library's docstrings; and the report."""
    folder = tmp_path_factory.mktemp("compare")
    config = load_config(folder, environment={"EMBEDLANE_PLUGINS": "minilm"})
    with Workspace.open(config=config) as workspace:
        library_index(workspace, "library", HASH)
        options = CompareOptions(
            models=[MINILM, HASH], dimensions=[384, 128, 64], queries=QUERIES, sample=170, seed=4
        )
        found = workspace.compare("library", options).run()
    write_report(found, folder / "report.html")
    return found, folder / "report.html"


def test_a_real_model_is_told_from_one_that_counts_words(compared):
    """MiniLM finds what shares no words with the question; the verdict is to switch to it."""
    found, _ = compared
    assert len(read_queries(QUERIES).queries) >= 60
    assert found.queries >= 60
    assert (found.verdict.choice, found.verdict.candidate) == ("switch", f"{MINILM} @ 384")
    by_name = {each.name: each for each in found.candidates}
    gap = next(each for each in found.differences if each.candidate == f"{MINILM} @ 384")
    assert gap.metrics["ndcg@10"].low > 0.1
    assert by_name[f"{MINILM} @ 384"].relevant_similarity > by_name[f"{MINILM} @ 384"].random_similarity + 0.2
    crossed = [pair for pair in found.pairs if (MINILM in pair.one) != (MINILM in pair.other)]
    assert crossed
    assert all(abs(pair.cross_similarity) < 0.1 for pair in crossed)


def test_cut_sizes_lose_quality_with_their_memory(compared):
    """MiniLM was not trained to be cut: at a sixth of the memory much is lost, and none can be had."""
    found, _ = compared
    sizes = {row.dimensions: row for row in found.sizes if str(row.model) == MINILM}
    assert [sizes[size].memory for size in (384, 128, 64)] == pytest.approx([1, 1 / 3, 1 / 6])
    assert sizes[384].quality == 1.0
    assert 0.5 < sizes[64].quality < 0.95
    assert sizes[64].quality < sizes[128].quality
    assert [sizes[size].trained for size in (384, 128, 64)] == [True, False, False]


def test_the_report_asks_for_nothing(compared):
    """No address but SVG's own names of namespaces: it reads the same without a network."""
    text = compared[1].read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\"'\s)<]+", text))
    assert {address for address in addresses if "www.w3.org" not in address} == set()
    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\((?!#)", text)


def test_a_browser_shows_plots_and_numbers(compared, browser, tmp_path):
    """Three plots with what they should hold, and the figures of the comparison in the tables."""
    found, page = compared
    dom = run(browser, tmp_path, "--dump-dom", page.as_uri()).stdout
    assert html.escape(found.verdict.sentence, quote=False) in dom
    plots = dict(re.findall(r'<svg [^>]*id="plot-(\w+)"[^>]*>(.*?)</svg>', dom, re.DOTALL))
    assert set(plots) == {"size", "cost", "queries"}
    assert "bytes per vector" in plots["size"]
    assert "var(--series-1)" in plots["size"]
    # A bar for each query that differs, for each candidate but the baseline.
    assert plots["queries"].count("var(--up)") + plots["queries"].count("var(--down)") >= 5 * found.queries
    for each in found.candidates:
        interval = each.metrics["ndcg@10"]
        assert f"{interval.mean:.3f}<small>{interval.low:.3f} to {interval.high:.3f}</small>" in dom
    assert len(re.findall(r'<tr><td class="text">', dom)) == found.queries
    assert f"Seed {found.seed}." in dom


def test_plots_are_drawn_in_ink_that_the_page_shows(compared, browser, tmp_path):
    """A screenshot of the page holds the colours of both series, and of better and worse."""
    shot = tmp_path / "page.png"
    run(browser, tmp_path, "--window-size=1100,3600", f"--screenshot={shot}", compared[1].as_uri())
    import numpy as np
    from matplotlib.image import imread

    pixels = (imread(shot)[:, :, :3] * 255).round().astype(np.int64)
    codes = (pixels[:, :, 0] << 16) | (pixels[:, :, 1] << 8) | pixels[:, :, 2]
    for colour in (0x2F5FB3, 0xC26A1B, 0x1B7F5C, 0xC2482D):
        assert np.count_nonzero(codes == colour) > 50


@pytest.fixture(scope="module")
def browser():
    """A Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed; `make browser` installs one where it may")
    return found


def run(browser, folder, *arguments):
    """Run the browser without a window and without a network."""
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [browser, *OFFLINE, profile, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done

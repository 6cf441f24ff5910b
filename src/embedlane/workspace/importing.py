"""Bringing vectors in that someone already paid for.

Theory of operation. The files are read twice. The first time nothing is written: every row is judged. One
whose content has a vector in the ledger is compared with that, which costs nothing; of the others a sample is
drawn, and its texts are embedded again. Only if all agree is the index made and are the files read once more,
a page in each transaction. A kill therefore leaves whole pages behind, and the same command finds them
unchanged and goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from embedlane.errors import CapabilityError, InputError, RefusedError, SpaceMismatchError, UsageError
from embedlane.indexes.binding import create_index, load_index, require_name
from embedlane.indexes.exchange import Arrival, Intake, stored_vectors
from embedlane.indexes.items import Changes
from embedlane.indexes.settings import IndexSettings
from embedlane.models.capabilities import require_dimensions
from embedlane.models.space import Space
from embedlane.text.hashing import content_hash
from embedlane.vectors.pending import Pending
from embedlane.workspace.reports import KEPT
from embedlane.workspace.spotcheck import ALIKE, Sample, SpotCheck, cosine, refusal
from embedlane.workspace.transfers import Compared, ImportOptions, ImportReport
from embedlane.workspace.vector_files import VectorFile, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlane.indexes.binding import IndexRecord
    from embedlane.text.documents import Unreadable
    from embedlane.transfer.records import Record
    from embedlane.workspace.transfers import SampleReport
    from embedlane.workspace.workspace import Workspace


def import_index(
    workspace: Workspace,
    name: str,
    paths: Sequence[str | Path],
    options: ImportOptions | None = None,
    *,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> ImportReport:
    """Take items with their vectors from files; a sample is embedded again and compared first.

    Importing again changes nothing, and goes on where an import was killed.

    Args:
        workspace: Where to.
        name: The index; made if there is none, and bound to the files' space.
        paths: Files of `Index.export`, or of another program: ``.parquet``, ``.jsonl[.gz]`` or ``.npz``.
        options: How to read files of another program, and what to compare.
        on_progress: Called now and then with a number of items.

    Raises:
        UsageError: If a file does not say its format, or which model its vectors are of.
        InputError: If a file can't be read, or none of its rows.
        SpaceMismatchError: If the index, the files and the options are not of one space.
        RefusedError: If a vector of the sample is not what the model gives; nothing is imported then.
        ProviderError: If the sample can't be embedded; nothing is imported then.
    """
    return _Importer(workspace, name, list(map(Path, paths)), options or ImportOptions(), on_progress).run()


@attrs.define
class _Survey:
    """What a first look at all rows came to."""

    sample: Sample
    rows: int = 0
    vectors: int = 0
    bad: int = 0
    bad_rows: list[Unreadable] = attrs.field(factory=list)
    #: The first records whose vector differs from the one that the ledger has.
    unlike: list[Compared] = attrs.field(factory=list)

    def note_bad(self, row: Unreadable) -> None:
        """Note a row that can't be taken."""
        self.bad += 1
        if len(self.bad_rows) < KEPT:
            self.bad_rows.append(row)


@attrs.frozen
class _Importer:
    """Takes files of vectors into one index."""

    workspace: Workspace
    #: The index; made if there is none.
    name: str
    #: What is read.
    paths: Sequence[Path]
    options: ImportOptions
    #: Called with numbers of rows that were entered.
    on_progress: Callable[[int], None]

    def run(self) -> ImportReport:
        """Check and import."""
        if not self.paths:
            raise UsageError("There is no file to import.", "Name one at least.")
        require_name(self.name)
        files = [VectorFile.open(path, self.options, self.workspace.config.root) for path in self.paths]
        space = self._space(files)
        existing = self._existing(space)
        survey = self._survey(files, space)
        check = self._compare(survey, space)
        record = existing or self._make(files, space)
        return self._enter(files, record, survey, check)

    def _space(self, files: Sequence[VectorFile]) -> Space:
        """The one space that all files are of, by their own word or by the options."""
        asked = self.options.model
        spaces: list[tuple[VectorFile | None, Space | None]] = [(each, each.space) for each in files]
        if asked is not None:
            sizes = [self.options.dimensions, *(each.size for each in files)]
            spaces = [*spaces, (None, self._space_of(asked, next((size for size in sizes if size), None)))]
        known = [(place, space) for place, space in spaces if space is not None]
        strangers = [place for place, space in spaces if space is None and asked is None]
        if strangers:
            raise UsageError(
                f"{strangers[0]} does not say which model its vectors are of.",
                "Name it: `--model ID`, and `--dimensions N` if it is not the model's own size. "
                "`embedlane models` lists models.",
            )
        (first, space), *others = known
        for place, other in others:
            self._require_same(space, other, (str(first), str(place or "asked for")))
        self._require_same(space, self._space_of(str(space.model), space.dimensions), ("files", "card"))
        return space

    def _space_of(self, model: str, dimensions: int | None) -> Space:
        card = self.workspace.registry.card(model)
        return Space.of(card, require_dimensions(card, dimensions))

    def _require_same(self, space: Space, other: Space, names: tuple[str, str]) -> None:
        if space != other:
            raise SpaceMismatchError(
                f"Refused to import: vectors of two spaces would meet.\n{space.beside(other, names)}\n",
                "Import each into an index of its own.",
            )

    def _existing(self, space: Space) -> IndexRecord | None:
        """The index, if there is one or the configuration plans it; it has to be of *space*."""
        workspace = self.workspace
        known = {record.name for record in workspace.indexes()}
        if self.name not in known and self.name not in workspace.config.indexes:
            return None
        index = workspace.index(self.name)
        with workspace.ledger.read() as connection:
            record = load_index(connection, index.name)
        record.require(space)
        return record

    def _survey(self, files: Sequence[VectorFile], space: Space) -> _Survey:
        """Judge all rows, and draw the sample."""
        survey = _Survey(Sample(self.options.sample))
        for file in files:
            for page in pages(file.records(space.dimensions, survey.note_bad)):
                survey.rows += len(page)
                survey.vectors += sum(record.vector is not None for record in page)
                if self.options.sample:
                    self._draw(page, space, survey)
        if survey.bad and not survey.vectors:
            raise InputError(
                f"None of {survey.rows + survey.bad:,} rows can be taken with a vector; "
                f"the first: {survey.bad_rows[0]}.",
                "Look at --id-field, --text-field, --vector-field and --dimensions.",
            )
        survey.rows += survey.bad
        return survey

    def _draw(self, page: Sequence[Record], space: Space, survey: _Survey) -> None:
        """Compare what the ledger has a vector of, and offer the others to the sample."""
        given = {content_hash(record.text): record for record in page if record.vector is not None}
        stored: dict[str, NDArray[np.float32]] = {}
        if self.workspace.has_ledger:
            with self.workspace.ledger.read() as connection:
                stored = stored_vectors(connection, space, given)
        for content, record in given.items():
            if content not in stored:
                survey.sample.offer(record)
            elif (found := cosine(stored[content], record.vector)) < ALIKE and len(survey.unlike) < KEPT:
                survey.unlike.append(Compared(record.id, found))

    def _compare(self, survey: _Survey, space: Space) -> SampleReport | None:
        if survey.unlike:
            raise refusal(space, survey.unlike)
        if not survey.sample.records:
            return None
        workspace = self.workspace
        check = SpotCheck(
            ledger=workspace.ledger,
            lanes=workspace.lanes,
            space=space,
            account=self.name,
            now=workspace.clock(),
        )
        try:
            return check.compare(survey.sample.records)
        except CapabilityError as error:
            raise RefusedError(
                f"The vectors can't be compared with new ones: {error.message}",
                f"{error.hint} --no-check imports them as they are.".strip(),
            ) from error

    def _make(self, files: Sequence[VectorFile], space: Space) -> IndexRecord:
        """Make the index, with the settings of the one that the first file was made of."""
        kept = next((file.declared.settings for file in files if file.declared), None)
        settings = IndexSettings() if kept is None else IndexSettings.from_json(kept)
        with self.workspace.ledger.write() as connection:
            return create_index(connection, self.name, space, settings, self.workspace.clock())

    def _enter(
        self,
        files: Sequence[VectorFile],
        record: IndexRecord,
        survey: _Survey,
        check: SampleReport | None,
    ) -> ImportReport:
        """Enter all records, a page in each transaction."""
        ledger, intake, changes, stored = self.workspace.ledger, Intake(record), Changes(), 0
        with ledger.write() as connection:
            arrival = intake.begin(connection, self._arrival(check))
        for file in files:
            for page in pages(file.records(record.bound.space.dimensions)):
                with ledger.write() as connection:
                    changed, new = intake.put(connection, page, arrival)
                changes, stored = changes + changed, stored + new
                self.on_progress(len(page))
        with ledger.read() as connection:
            tally = Pending(record.id, record.bound.id, variant=record.variant).tally(
                connection, self.workspace.clock()
            )
        return ImportReport(
            index=self.name,
            rows=survey.rows,
            changes=changes,
            stored=stored,
            without=survey.rows - survey.bad - survey.vectors,
            check=check,
            unchecked=not self.options.sample,
            bad=survey.bad,
            bad_rows=tuple(survey.bad_rows),
            tally=tally,
        )

    def _arrival(self, check: SampleReport | None) -> Arrival:
        return Arrival(
            at=self.workspace.clock(),
            files=tuple(map(str, self.paths)),
            checked=bool(self.options.sample),
            compared=0 if check is None else len(check.cosines),
            lowest=None if check is None else check.lowest,
        )

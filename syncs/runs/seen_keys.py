"""The row keys that a run has seen, packed by page: eight bytes per row.

They show which rows a full run did not see, and whether a list repeats itself without end.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import msgspec
from django.db.models import QuerySet

from integrations.connectors.base import Page, Rejected
from integrations.errors import ConnectorError, Kind

from ..models import COMPLETE, Mode, SeenPage, State, SyncRun
from . import sql

MAX_PAGES = 100_000
# A list is endless if this many pages in a row bring no id that the pages before them did not have.
REPEATED_PAGES_LIMIT = 5
WMS_SUPPORT = "If this keeps happening, contact the support of the WMS."
PAGES_PER_QUERY = 100
KEYS_PER_PART = 50_000

Packed = bytes | memoryview


def keep(run: SyncRun, page: Page, keys: "array[int]", doubtful: Sequence[str]) -> None:
    """Store the row keys of a page, whose number is `run.pages`. `doubtful` are the ids of stale records.

    Raises ConnectorError (contract) if the list is endless.
    """
    keys = keys[:]
    keys.extend(_rejected_key(record) for record in page.rejected)
    digest = blake2b(msgspec.json.encode(page.cursor, order="sorted"), digest_size=16).hexdigest()
    if page.cursor is not None:
        _reject_cycle(run, digest, keys)
    SeenPage.objects.create(run=run, number=run.pages, keys=keys.tobytes(), doubtful=doubtful, cursor_digest=digest)


def _reject_cycle(run: SyncRun, digest: str, keys: "array[int]") -> None:
    if run.pages > MAX_PAGES:
        raise ConnectorError(
            Kind.CONTRACT,
            f"The list of the WMS did not end after {MAX_PAGES} pages.",
            WMS_SUPPORT,
        )
    # Compare with the few pages before this one and, each time the number of pages has doubled, with all pages: this
    # finds a cycle of any length at little cost.
    has_doubled = run.pages & (run.pages - 1) == 0
    # If the recent pages are idle, the first key of the last one was already on an earlier page. Check that first:
    # fetching these pages and comparing all keys takes as long as the rest of an unchanged page.
    earlier = (run.pages - 2 * REPEATED_PAGES_LIMIT + 1, run.pages - REPEATED_PAGES_LIMIT)
    is_repeated, known = sql.seen_before(run.pk, digest, keys[:1].tobytes(), earlier)
    may_be_idle = has_doubled or known or not keys
    is_idle = may_be_idle and _is_idle(
        set(keys), _newest_pages(run, None if has_doubled else 2 * REPEATED_PAGES_LIMIT - 1)
    )
    if is_repeated:
        raise ConnectorError(
            Kind.CONTRACT,
            "The WMS sent the same page marker twice, so its list would never end.",
            WMS_SUPPORT,
        )
    if is_idle:
        raise ConnectorError(
            Kind.CONTRACT,
            f"The WMS sent {REPEATED_PAGES_LIMIT} pages in a row without anything new, so its list would never end.",
            WMS_SUPPORT,
        )


def _newest_pages(run: SyncRun, limit: int | None) -> Iterator[Packed]:
    """Return the keys of the last `limit` pages, newest first, or of all pages."""
    keys = _pages(run).order_by("-number").values_list("keys", flat=True)
    return keys.iterator(PAGES_PER_QUERY) if limit is None else iter(keys[:limit])


def _is_idle(new: set[int], earlier: Iterable[Packed]) -> bool:
    """Return whether this page and the last ones bring no row key that the pages before them did not have.

    Always exhausts `earlier`: an open cursor would outlive the transaction that an error ends.
    """
    count = 1
    for packed in earlier:
        count += 1
        before = array("q", bytes(packed))
        new = new.union(before) if count <= REPEATED_PAGES_LIMIT else new.difference(before)
    return count >= REPEATED_PAGES_LIMIT and not new


def _rejected_key(rejected: Rejected) -> int:
    """Return a key for a record without a row: negative, and always the same for the same record."""
    text = f"{rejected.external_id}\0{rejected.excerpt}".encode(errors="replace")
    return -1 - (int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1)


def parts(run: SyncRun) -> "list[array[int]]":
    """Return all row keys of the run in sorted parts; one list of millions of numbers would need much memory."""
    found: list[array[int]] = []
    part: array[int] = array("q")
    for packed in _pages(run).values_list("keys", flat=True).iterator(PAGES_PER_QUERY):
        part.frombytes(bytes(packed))
        if len(part) >= KEYS_PER_PART:
            found.append(array("q", sorted(part)))
            part = array("q")
    return [*found, array("q", sorted(part))]


def has_keys(run: SyncRun) -> bool:
    """Return whether the keys of the run are still stored."""
    return _pages(run).exists()


def next_recheck_page(run: SyncRun, after: int) -> SeenPage | None:
    """Return the run's first page behind number `after` that has stale records."""
    return _pages(run).filter(number__gt=after).exclude(doubtful=[]).order_by("number").first()


def delete_keys(run: SyncRun) -> None:
    """Delete the keys of an ended run, unless its removals wait for a review or until a later full run decides them."""
    if run.mode == Mode.FULL and run.state in COMPLETE:
        pages = SeenPage.objects.filter(run__connection=run.connection_id, run__entity=run.entity, run__lte=run)
        pages.exclude(run=run if run.state == State.NEEDS_REVIEW else None).delete()
    else:
        delete_pages(run)


def delete_pages(run: SyncRun) -> None:
    """Delete the keys of the run."""
    _pages(run).delete()


def _pages(run: SyncRun) -> "QuerySet[SeenPage, SeenPage]":
    return SeenPage.objects.filter(run=run)

"""The row keys that a run saw, page by page, packed: eight bytes a row.

A full run is compared with the mirror by them; and a list that goes round for ever is noticed by them.
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
# So many pages in a row without an id that the pages before them did not have: the list goes round for ever.
REPEATED_PAGES_LIMIT = 5
WMS_SUPPORT = "If this keeps happening, contact the support of the WMS."
PAGES_PER_QUERY = 100
KEYS_PER_PART = 50_000

Packed = bytes | memoryview


def keep(run: SyncRun, page: Page, keys: "array[int]", doubtful: Sequence[str]) -> None:
    """Remember the keys of the run's page (its number is `run.pages`), and refuse a walk in a circle.

    `doubtful` are ids that came back older than ours. Raises ConnectorError(contract).
    """
    keys = keys[:]
    keys.extend(_mark(one) for one in page.rejected)
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
    # The few pages before and, each time the number of pages has doubled, all: so a circle of any length is found, at
    # little cost.
    has_doubled = run.pages & (run.pages - 1) == 0
    # The last of so many idle pages has its first row key from before them. To fetch these pages and compare all keys
    # takes as long as the rest of an unchanged page does.
    earlier = (run.pages - 2 * REPEATED_PAGES_LIMIT + 1, run.pages - REPEATED_PAGES_LIMIT)
    again, known = sql.seen_before(run.pk, digest, keys[:1].tobytes(), earlier)
    may_be_idle = has_doubled or known or not keys
    is_idle = may_be_idle and _is_idle(set(keys), _last(run, None if has_doubled else 2 * REPEATED_PAGES_LIMIT - 1))
    if again:
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


def _last(run: SyncRun, limit: int | None) -> Iterator[Packed]:
    """The keys of the last pages, the newest first; None: of all."""
    keys = _pages(run).order_by("-number").values_list("keys", flat=True)
    return keys.iterator(PAGES_PER_QUERY) if limit is None else iter(keys[:limit])


def _is_idle(new: set[int], earlier: Iterable[Packed]) -> bool:
    """Whether this page and the last ones bring no row key that the pages before those did not have.

    Reads `earlier` to its end in any case: a cursor that is left open would outlive the transaction that an error ends.
    """
    count = 1
    for packed in earlier:
        count += 1
        before = array("q", bytes(packed))
        new = new.union(before) if count <= REPEATED_PAGES_LIMIT else new.difference(before)
    return count >= REPEATED_PAGES_LIMIT and not new


def _mark(rejected: Rejected) -> int:
    """A key for a record that has no row: negative, and the same when the record comes again."""
    text = f"{rejected.external_id}\0{rejected.excerpt}".encode(errors="replace")
    return -1 - (int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1)


def parts(run: SyncRun) -> "list[array[int]]":
    """The keys of all rows the run saw, in parts that each ascend: a list of millions of numbers would be large."""
    found: list[array[int]] = []
    part: array[int] = array("q")
    for packed in _pages(run).values_list("keys", flat=True).iterator(PAGES_PER_QUERY):
        part.frombytes(bytes(packed))
        if len(part) >= KEYS_PER_PART:
            found.append(array("q", sorted(part)))
            part = array("q")
    return [*found, array("q", sorted(part))]


def has_keys(run: SyncRun) -> bool:
    """Whether it is still known what the run saw, and so what it missed."""
    return _pages(run).exists()


def next_recheck_page(run: SyncRun, after: int) -> SeenPage | None:
    """The run's first page, later than number `after`, with ids that came back older than ours."""
    return _pages(run).filter(number__gt=after).exclude(doubtful=[]).order_by("number").first()


def delete_keys(run: SyncRun) -> None:
    """What a run saw is kept only while removals wait for a person, and until a later full read settles them."""
    if run.mode == Mode.FULL and run.state in COMPLETE:
        pages = SeenPage.objects.filter(run__connection=run.connection_id, run__entity=run.entity, run__lte=run)
        pages.exclude(run=run if run.state == State.NEEDS_REVIEW else None).delete()
    else:
        delete_pages(run)


def delete_pages(run: SyncRun) -> None:
    """Forget what the run saw so far."""
    _pages(run).delete()


def _pages(run: SyncRun) -> "QuerySet[SeenPage, SeenPage]":
    return SeenPage.objects.filter(run=run)

"""Brand WMS mapping: which warehouse account a brand's data comes from, what to recognise an account by, which fits.

Nothing is linked but by a person: a suggestion is only that. What a brand sees follows from its links in the query
(`brands.py`), so nothing has to be moved when they change.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils.text import slugify

from integrations.events import record_event
from integrations.models import BrandMapping, Connection, EventKind
from packr.workspaces.errors import Refused
from packr.workspaces.models import Brand, Workspace

from .lists.keyset import Ids, union_all
from .models import Customer, InventoryItem, Mirrored, Order
from .visibility import CUSTOMER

SHOWN = 20
SAMPLES = 3
SUGGESTED = 3
KNOWN_SKUS = 200
SIMILAR_NAME, SIMILAR_GOODS = 0.6, 0.3
# An account that another brand sees already is rarely the right one.
TAKEN = 0.4
# What companies have in common says nothing about which one it is.
COMMON = {"inc", "llc", "ltd", "limited", "gmbh", "co", "corp", "company", "sa", "bv", "ag", "kg", "plc", "the", "and"}


@dataclass(frozen=True, slots=True)
class Account:
    """One warehouse account: a customer of a connection, or (without a customer) the whole connection."""

    connection: Connection
    customer: str
    name: str

    @property
    def key(self) -> str:
        """As in a form."""
        return f"{self.connection.pk}:{self.customer}"

    @property
    def is_whole(self) -> bool:
        return not self.customer

    def __str__(self) -> str:
        return f"All of {self.connection.name}" if self.is_whole else f"{self.name} in {self.connection.name}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A few of an account's records, to recognise it by."""

    orders: list[str]
    skus: list[str]

    def __bool__(self) -> bool:
        return bool(self.orders or self.skus)


@dataclass(frozen=True, slots=True)
class Link:
    """A brand's link to an account, and the other brands that see the same records."""

    mapping: BrandMapping
    account: Account
    shared_with: list[str]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An account that may be a brand's, and why."""

    account: Account
    why: str
    taken_by: list[str]


@dataclass(frozen=True, slots=True)
class AccountMap:
    """All accounts of a workspace and all links of its brands, read in three statements."""

    accounts: list[Account]
    links: dict[int, list[Link]]

    def of(self, brand: Brand) -> list[Link]:
        return self.links.get(brand.pk, [])

    def taken_by(self, account: Account, *, but: Brand | None = None) -> list[str]:
        """The names of the brands that see records of the account."""
        found = {
            link.mapping.brand.name
            for links in self.links.values()
            for link in links
            if (but is None or link.mapping.brand_id != but.pk) and _overlap(link.account, account)
        }
        return sorted(found)


def account_map(workspace: Workspace) -> AccountMap:
    """What there is to link, and what is linked."""
    connections = {one.pk: one for one in workspace.connections.order_by("name")}
    names = _customer_names(list(connections))
    mappings = list(
        BrandMapping.objects.filter(brand__workspace=workspace, connection__in=connections)
        .select_related("brand")
        .order_by("connection__name", "customer_id", "pk")
    )
    accounts = {
        mapping.pk: Account(
            connections[mapping.connection_id],
            mapping.customer_id,
            names.get((mapping.connection_id, mapping.customer_id)) or mapping.customer_id,
        )
        for mapping in mappings
    }
    links = defaultdict(list)
    for mapping in mappings:
        others = {
            other.brand.name
            for other in mappings
            if other.brand_id != mapping.brand_id and _overlap(accounts[other.pk], accounts[mapping.pk])
        }
        links[mapping.brand_id].append(Link(mapping, accounts[mapping.pk], sorted(others)))
    return AccountMap(list(_accounts(connections, names)), dict(links))


def _customer_names(connections: list[int]) -> dict[tuple[int, str], str]:
    rows = Customer.objects.present().filter(connection__in=connections).order_by("connection", "name", "external_id")
    return {(key, found): name or found for key, found, name in rows.values_list("connection", "external_id", "name")}


def _accounts(connections: dict[int, Connection], names: dict[tuple[int, str], str]) -> Iterable[Account]:
    """What can be linked: every connection that lives, with its customers."""
    by_connection = defaultdict(list)
    for (key, customer), name in names.items():
        by_connection[key].append(Account(connections[key], customer, name))
    for connection in connections.values():
        if connection.is_live:
            yield Account(connection, "", connection.name)
            yield from by_connection[connection.pk]


def _overlap(one: Account, other: Account) -> bool:
    same = one.connection.pk == other.connection.pk
    return same and (one.is_whole or other.is_whole or one.customer == other.customer)


def samples(accounts: Sequence[Account]) -> dict[str, Sample]:
    """A few order numbers and SKUs of each account by its key, in two statements."""
    orders = _samples(Order, accounts, ("-created_at", "-id"), "order_number")
    skus = _samples(InventoryItem, accounts, ("id",), "sku")
    return {one.key: Sample(orders[one.key], skus[one.key]) for one in accounts}


def _samples(
    model: type[Mirrored], accounts: Sequence[Account], order: tuple[str, ...], shown: str
) -> dict[str, list[str]]:
    """The first of each account's rows in an order that an index has."""
    pieces: list[Ids] = []
    for one in accounts:
        rows = model._default_manager.filter(connection=one.connection.pk, removed_at=None)
        rows = rows if one.is_whole else rows.filter(**{CUSTOMER: one.customer})
        pieces.append(rows.order_by(*order).values("pk")[:SAMPLES])
    found = model._default_manager.filter(pk__in=union_all(pieces)).order_by(*order)
    rows_read = list(found.values_list("connection", CUSTOMER, shown))
    return {
        one.key: [
            text
            for connection, customer, text in rows_read
            if text and connection == one.connection.pk and (one.is_whole or customer == one.customer)
        ][:SAMPLES]
        for one in accounts
    }


def search_accounts(accounts: Sequence[Account], words: str) -> list[Account]:
    """The accounts whose name, id or connection has the words, at most SHOWN."""
    wanted = words.casefold().split()
    found = [
        one
        for one in accounts
        if all(word in f"{one.name} {one.customer} {one.connection.name}".casefold() for word in wanted)
    ]
    return found[:SHOWN]


# --- Suggestions ------------------------------------------------------------------------------------------------------


def suggest(brand: Brand, known: AccountMap) -> list[Suggestion]:
    """The accounts that fit the brand best, by name and by the SKUs it has now; nothing that does not fit well."""
    linked = [link.account for link in known.of(brand)]
    goods = _same_goods(brand, known)
    scored = []
    for account in known.accounts:
        if any(_overlap(account, one) for one in linked):
            continue
        name, share = name_similarity(brand.name, account.name), goods.get(account.key, 0.0)
        if name < SIMILAR_NAME:
            name = 0.0
        if name or share >= SIMILAR_GOODS:
            taken = known.taken_by(account, but=brand)
            scored.append((name + share - (TAKEN if taken else 0), Suggestion(account, _why(name, share), taken)))
    # Of two that fit alike the narrower one, then by name: always the same order.
    scored.sort(key=lambda pair: (-pair[0], pair[1].account.is_whole, str(pair[1].account)))
    return [suggestion for _, suggestion in scored[:SUGGESTED]]


def name_similarity(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, without regard to case, accents, signs and legal forms."""
    mine, theirs = _words(one), _words(other)
    if not mine or not theirs:
        return 0.0
    if mine == theirs:
        return 1.0
    shared = 2 * len(set(mine) & set(theirs)) / (len(set(mine)) + len(set(theirs)))
    ratio = SequenceMatcher(None, "".join(mine), "".join(theirs)).ratio()
    return min(0.99, (shared + ratio) / 2 if shared else ratio * 0.8)


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode() or name.casefold()
    words = re.findall(r"\w+", plain)
    return [word for word in words if word not in COMMON] or words


def _same_goods(brand: Brand, known: AccountMap) -> dict[str, float]:
    """For each account the share of the brand's present SKUs that it has too."""
    links = known.of(brand)
    if not links:
        return {}
    mine = Q(pk__in=())
    for link in links:
        here = Q(connection=link.account.connection.pk)
        mine |= here if link.account.is_whole else here & Q(**{CUSTOMER: link.account.customer})
    present = InventoryItem.objects.present().exclude(sku=None).exclude(sku="")
    skus = set(present.filter(mine).order_by("pk").values_list("sku", flat=True)[:KNOWN_SKUS])
    if not skus:
        return {}
    live = [one.connection.pk for one in known.accounts if one.is_whole]
    rows = present.filter(connection__in=live, sku__in=skus).order_by().values_list("connection", CUSTOMER)
    shares: dict[str, float] = defaultdict(float)
    for connection, customer, count in rows.annotate(count=Count("sku", distinct=True)):
        shares[f"{connection}:{customer or ''}"] += count / len(skus)
        if customer:
            shares[f"{connection}:"] += count / len(skus)
    return {key: min(share, 1.0) for key, share in shares.items()}


def _why(name: float, share: float) -> str:
    names = "The names are the same" if name == 1 else "The names are alike" if name else ""
    goods = f"{share:.0%} of the SKUs are the same" if share >= SIMILAR_GOODS else ""
    return "; ".join(filter(None, (names, goods[:1].lower() + goods[1:] if names else goods)))


# --- Changes ----------------------------------------------------------------------------------------------------------


def find(known: AccountMap, key: str) -> Account:
    """The account a form names; Refused when there is none."""
    for one in known.accounts:
        if one.key == key:
            return one
    raise Refused("There is no such account any more. Choose one from the list.")


def link(brand: Brand, account: Account, *, person: Any) -> BrandMapping:
    """Let a brand see an account's records. Raises Refused when it does already."""
    try:
        with transaction.atomic():
            made = BrandMapping.objects.create(brand=brand, connection=account.connection, customer_id=account.customer)
            record_event(account.connection, EventKind.MAPPING, f"{brand} was linked to {account}.", person=person)
    except IntegrityError:
        raise Refused(f"{brand} is linked to {account} already.") from None
    return made


def unlink(mapping: BrandMapping, *, person: Any) -> None:
    """A brand no longer sees an account's records; the records themselves stay."""
    names = _customer_names([mapping.connection_id])
    name = names.get((mapping.connection_id, mapping.customer_id), mapping.customer_id)
    account = Account(mapping.connection, mapping.customer_id, name)
    with transaction.atomic():
        mapping.delete()
        text = f"{mapping.brand} is no longer linked to {account}."
        record_event(mapping.connection, EventKind.MAPPING, text, person=person)


def add_brand(workspace: Workspace, name: str) -> Brand:
    """A new brand, linked to nothing yet. Raises Refused for a name that is missing or there already."""
    name = " ".join(name.replace("\0", "").split())
    slug = slugify(name)[:50]
    if not slug:
        raise Refused("Give the brand a name with letters or digits.")
    if len(name) > 200:
        raise Refused("A brand’s name has at most 200 characters.")
    try:
        with transaction.atomic():
            return Brand.objects.create(workspace=workspace, name=name, slug=slug)
    except IntegrityError:
        raise Refused(f"There is a brand called “{name}”, or nearly so, already.") from None

"""Brand WMS mapping: the warehouse accounts that brands are linked to, and suggestions for new links.

Only people link accounts. `visibility` applies the links in each query, so no row changes when a link does.
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

MAX_ACCOUNTS = 20  # listed
MAX_SAMPLES = 3
MAX_SUGGESTIONS = 3
MAX_COMPARED_SKUS = 200
NAME_THRESHOLD, SKU_THRESHOLD = 0.6, 0.3
MAX_NAME_LENGTH = 200
# An account that another brand sees is rarely the right one, so its score is lowered.
SHARED_PENALTY = 0.4
# Words that many company names have in common.
COMMON_WORDS = {
    "inc",
    "llc",
    "ltd",
    "limited",
    "gmbh",
    "co",
    "corp",
    "company",
    "sa",
    "bv",
    "ag",
    "kg",
    "plc",
    "the",
    "and",
}


@dataclass(frozen=True, slots=True)
class WarehouseAccount:
    """One warehouse account: a customer of a connection, or (without a customer) the whole connection."""

    connection: Connection
    customer: str
    name: str

    @property
    def key(self) -> str:
        """The account's value in forms."""
        return f"{self.connection.pk}:{self.customer}"

    @property
    def is_whole(self) -> bool:
        return not self.customer

    def __str__(self) -> str:
        return f"All of {self.connection.name}" if self.is_whole else f"{self.name} in {self.connection.name}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A few order numbers and SKUs of an account, to recognise it."""

    orders: list[str]
    skus: list[str]

    def __bool__(self) -> bool:
        return bool(self.orders or self.skus)


@dataclass(frozen=True, slots=True)
class Link:
    """Link of a brand to an account, with the other brands that see the same records."""

    mapping: BrandMapping
    account: WarehouseAccount
    shared_with: list[str]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Account that may belong to a brand, with the reason."""

    account: WarehouseAccount
    why: str
    taken_by: list[str]


@dataclass(frozen=True, slots=True)
class AccountMap:
    """All accounts of a workspace and all links of its brands, read in three queries."""

    accounts: list[WarehouseAccount]
    links: dict[int, list[Link]]

    def of(self, brand: Brand) -> list[Link]:
        return self.links.get(brand.pk, [])

    def taken_by(self, account: WarehouseAccount, *, but: Brand | None = None) -> list[str]:
        """Return the names of the brands that see records of the account, sorted."""
        found = {
            link.mapping.brand.name
            for links in self.links.values()
            for link in links
            if (but is None or link.mapping.brand_id != but.pk) and _overlap(link.account, account)
        }
        return sorted(found)


def account_map(workspace: Workspace) -> AccountMap:
    """Return the accounts and links of a workspace."""
    connections = {one.pk: one for one in workspace.connections.order_by("name")}
    names = _customer_names(list(connections))
    mappings = BrandMapping.objects.filter(brand__workspace=workspace, connection__in=connections)
    linked = [
        (mapping, _linked_account(mapping, connections[mapping.connection_id], names))
        for mapping in mappings.select_related("brand").order_by("connection__name", "customer_id", "pk")
    ]
    links = defaultdict(list)
    for mapping, account in linked:
        others = {
            other.brand.name
            for other, other_account in linked
            if other.brand_id != mapping.brand_id and _overlap(other_account, account)
        }
        links[mapping.brand_id].append(Link(mapping, account, sorted(others)))
    return AccountMap(list(_accounts(connections, names)), dict(links))


def _linked_account(
    mapping: BrandMapping, connection: Connection, names: dict[tuple[int, str], str]
) -> WarehouseAccount:
    name = names.get((connection.pk, mapping.customer_id)) or mapping.customer_id
    return WarehouseAccount(connection, mapping.customer_id, name)


def _customer_names(connections: list[int]) -> dict[tuple[int, str], str]:
    rows = Customer.objects.present().filter(connection__in=connections).order_by("connection", "name", "external_id")
    return {(key, found): name or found for key, found, name in rows.values_list("connection", "external_id", "name")}


def _accounts(connections: dict[int, Connection], names: dict[tuple[int, str], str]) -> Iterable[WarehouseAccount]:
    """Yield what can be linked: every live connection as a whole, and its customers."""
    by_connection = defaultdict(list)
    for (key, customer), name in names.items():
        by_connection[key].append(WarehouseAccount(connections[key], customer, name))
    for connection in connections.values():
        if connection.is_live:
            yield WarehouseAccount(connection, "", connection.name)
            yield from by_connection[connection.pk]


def _overlap(one: WarehouseAccount, other: WarehouseAccount) -> bool:
    same = one.connection.pk == other.connection.pk
    return same and (one.is_whole or other.is_whole or one.customer == other.customer)


def samples(accounts: Sequence[WarehouseAccount]) -> dict[str, Sample]:
    """Return samples of each account by its key, in two queries."""
    orders = _samples(Order, accounts, ("-created_at", "-id"), "order_number")
    skus = _samples(InventoryItem, accounts, ("id",), "sku")
    return {one.key: Sample(orders[one.key], skus[one.key]) for one in accounts}


def _samples(
    model: type[Mirrored], accounts: Sequence[WarehouseAccount], order: tuple[str, ...], shown: str
) -> dict[str, list[str]]:
    """Return a column of the first rows of each account; an index serves the order."""
    pieces: list[Ids] = []
    for one in accounts:
        rows = model._default_manager.filter(connection=one.connection.pk, removed_at=None)
        rows = rows if one.is_whole else rows.filter(**{CUSTOMER: one.customer})
        pieces.append(rows.order_by(*order).values("pk")[:MAX_SAMPLES])
    found = model._default_manager.filter(pk__in=union_all(pieces)).order_by(*order)
    rows_read = list(found.values_list("connection", CUSTOMER, shown))
    return {
        one.key: [
            text
            for connection, customer, text in rows_read
            if text and connection == one.connection.pk and (one.is_whole or customer == one.customer)
        ][:MAX_SAMPLES]
        for one in accounts
    }


def search_accounts(accounts: Sequence[WarehouseAccount], words: str) -> list[WarehouseAccount]:
    """Return at most MAX_ACCOUNTS accounts whose name, id or connection contains all words."""
    wanted = words.casefold().split()
    found = [
        one
        for one in accounts
        if all(word in f"{one.name} {one.customer} {one.connection.name}".casefold() for word in wanted)
    ]
    return found[:MAX_ACCOUNTS]


def suggest(brand: Brand, accounts: AccountMap) -> list[Suggestion]:
    """Return the accounts that match the brand best by name and by its present SKUs; none if no match is good."""
    linked = [link.account for link in accounts.of(brand)]
    sku_shares = _sku_shares(brand, accounts)
    scored = []
    for account in accounts.accounts:
        if any(_overlap(account, one) for one in linked):
            continue
        name, share = name_similarity(brand.name, account.name), sku_shares.get(account.key, 0.0)
        if name < NAME_THRESHOLD:
            name = 0.0
        if name or share >= SKU_THRESHOLD:
            taken = accounts.taken_by(account, but=brand)
            scored.append(
                (name + share - (SHARED_PENALTY if taken else 0), Suggestion(account, _why(name, share), taken))
            )
    # With equal scores, a customer comes before a whole connection, then the name decides.
    scored.sort(key=lambda pair: (-pair[0], pair[1].account.is_whole, str(pair[1].account)))
    return [suggestion for _, suggestion in scored[:MAX_SUGGESTIONS]]


def name_similarity(one: str, other: str) -> float:
    """Return the similarity of two names, from 0 to 1, ignoring case, accents, punctuation and legal forms."""
    words, other_words = _words(one), _words(other)
    if not words or not other_words:
        return 0.0
    if words == other_words:
        return 1.0
    shared = 2 * len(set(words) & set(other_words)) / (len(set(words)) + len(set(other_words)))
    ratio = SequenceMatcher(None, "".join(words), "".join(other_words)).ratio()
    return min(0.99, (shared + ratio) / 2 if shared else ratio * 0.8)


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode() or name.casefold()
    words = re.findall(r"\w+", plain)
    return [word for word in words if word not in COMMON_WORDS] or words


def _sku_shares(brand: Brand, accounts: AccountMap) -> dict[str, float]:
    """Return the share of the brand's present SKUs that each account has, by its key."""
    links = accounts.of(brand)
    if not links:
        return {}
    own = Q(pk__in=())
    for link in links:
        of_connection = Q(connection=link.account.connection.pk)
        own |= of_connection if link.account.is_whole else of_connection & Q(**{CUSTOMER: link.account.customer})
    present = InventoryItem.objects.present().exclude(sku=None).exclude(sku="")
    skus = set(present.filter(own).order_by("pk").values_list("sku", flat=True)[:MAX_COMPARED_SKUS])
    if not skus:
        return {}
    live = [one.connection.pk for one in accounts.accounts if one.is_whole]
    rows = present.filter(connection__in=live, sku__in=skus).order_by().values_list("connection", CUSTOMER)
    shares: dict[str, float] = defaultdict(float)
    for connection, customer, count in rows.annotate(count=Count("sku", distinct=True)):
        shares[f"{connection}:{customer or ''}"] += count / len(skus)
        if customer:
            shares[f"{connection}:"] += count / len(skus)
    return {key: min(share, 1.0) for key, share in shares.items()}


def _why(name: float, share: float) -> str:
    names = "The names are the same" if name == 1 else "The names are similar" if name else ""
    skus = f"{share:.0%} of the SKUs are the same" if share >= SKU_THRESHOLD else ""
    return "; ".join(filter(None, (names, skus)))


def find(accounts: AccountMap, key: str) -> WarehouseAccount:
    """Return the account with a key. Raises Refused if there is none."""
    for one in accounts.accounts:
        if one.key == key:
            return one
    raise Refused("This account no longer exists. Choose one from the list.")


def link(brand: Brand, account: WarehouseAccount, *, person: Any) -> BrandMapping:
    """Link a brand to an account. Raises Refused if it is linked already."""
    try:
        with transaction.atomic():
            made = BrandMapping.objects.create(brand=brand, connection=account.connection, customer_id=account.customer)
            record_event(account.connection, EventKind.MAPPING, f"{brand} was linked to {account}.", person=person)
    except IntegrityError:
        raise Refused(f"{brand} is already linked to {account}.") from None
    return made


def unlink(mapping: BrandMapping, *, person: Any) -> None:
    """Remove a link; the records stay."""
    account = _linked_account(mapping, mapping.connection, _customer_names([mapping.connection_id]))
    with transaction.atomic():
        mapping.delete()
        text = f"{mapping.brand} is no longer linked to {account}."
        record_event(mapping.connection, EventKind.MAPPING, text, person=person)


def add_brand(workspace: Workspace, name: str) -> Brand:
    """Return a new brand without links. Raises Refused if the name is missing, too long or taken."""
    name = " ".join(name.replace("\0", "").split())
    slug = slugify(name)[:50]
    if not slug:
        raise Refused("Enter a name with letters or digits.")
    if len(name) > MAX_NAME_LENGTH:
        raise Refused(f"Enter at most {MAX_NAME_LENGTH} characters.")
    try:
        with transaction.atomic():
            return Brand.objects.create(workspace=workspace, name=name, slug=slug)
    except IntegrityError:
        raise Refused(f"A brand named “{name}”, or nearly so, already exists.") from None

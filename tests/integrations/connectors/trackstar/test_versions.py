"""Each mapping has a version that changes with its output, and with nothing else."""

import json
import re
import sys
from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from integrations.connectors.decoding import ItemMapping
from integrations.connectors.trackstar import mapping

from .test_samples import SAMPLES, sample

VERSIONS = SAMPLES.parent / "mapping_versions.json"
ITEMS = {
    "ORDERS": "order",
    "INVENTORY": "inventory",
    "PRODUCTS": "product",
    "INBOUND_SHIPMENTS": "inbound-shipment",
    "RETURNS": "return",
    "CUSTOMERS": "warehouse-customer",
    "WAREHOUSES": "warehouse",
    "LOCATIONS": "warehouse-location",
    "SHIPPING_METHODS": "shipping-method",
    "SUPPLIERS": "supplier",
    "CHANNELS": "order-channel",
    "BILLS": "bill",
}
TEXT_ONLY = ("channel_id", "supplier_id")


def mappings(module: ModuleType) -> dict[str, ItemMapping[Any]]:
    return {name: value for name, value in vars(module).items() if isinstance(value, ItemMapping)}


def items(name: str) -> Iterator[dict[str, Any]]:
    """Yield the sample, the sample in other spellings, and an item that holds nothing or only nulls."""
    whole = sample(ITEMS[name])
    if name == "ORDERS":
        whole["shipments"] = [sample("order-shipment")]
    yield whole
    yield respell(whole)
    yield {"id": "x"}
    yield dict.fromkeys(whole) | {"id": "x"}


def respell(value: Any) -> Any:
    """Return the JSON value with numbers as text, ids as numbers, and times as seconds."""
    match value:
        case bool():
            return value
        case dict():
            found = {key: respell(one) for key, one in value.items()}
            ids = [key for key in found if key.endswith("id") and key not in TEXT_ONLY and isinstance(found[key], str)]
            return found | dict.fromkeys(ids, 7)
        case list():
            return [respell(one) for one in value]
        case int() | float():
            return f"{value}.00" if isinstance(value, int) else f"{value}0"
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
            return 1_770_230_402
    return value


def parsed(item_mapping: ItemMapping[Any], name: str) -> list[bytes]:
    raw = [msgspec.Raw(json.dumps(item).encode()) for item in items(name)]
    page = item_mapping.parse_items(raw)
    assert not page.rejected
    return [msgspec.json.encode(record, order="deterministic") for record in page.records]


def test_every_mapping_is_covered() -> None:
    assert mappings(mapping).keys() == ITEMS.keys() == json.loads(VERSIONS.read_text()).keys()


@pytest.mark.parametrize("name", ITEMS)
def test_other_output_has_another_version(name: str) -> None:
    item_mapping = mappings(mapping)[name]
    version = int.from_bytes(item_mapping.version)
    digest = blake2b(b"\n".join(parsed(item_mapping, name)), digest_size=16).hexdigest()
    stored = json.loads(VERSIONS.read_text())[name]
    if digest != stored["digest"] and version == stored["version"]:
        pytest.fail(
            f"{name} makes other records of the same items. Raise its version in mapping.py to {version + 1}, so that "
            f"the next full sync compares every item again, then store it with the digest {digest} in {VERSIONS.name}."
        )
    assert {"version": version, "digest": digest} == stored, f"Store the version and the digest in {VERSIONS.name}."


def edited(module: ModuleType) -> ModuleType:
    """Return a copy of a module in which every docstring and comment reads differently."""
    source = Path(str(module.__file__)).read_text()
    other = re.sub(r'^( *""")(?=\S)', r"\1Edited: ", source, flags=re.M) + "\n# A new comment.\n"
    assert other.count("Edited: ") > 1
    spec = spec_from_loader(f"{module.__package__}.edited", loader=None)
    assert spec
    copy = module_from_spec(spec)
    copy.__package__ = module.__package__
    sys.modules[copy.__name__] = copy
    exec(compile(other, "edited", "exec"), vars(copy))  # as another deploy would import it
    return copy


@pytest.mark.parametrize("name", ITEMS)
def test_editing_comments_changes_no_source(name: str) -> None:
    before, after = mappings(mapping)[name], mappings(edited(mapping))[name]
    raw = [msgspec.Raw(json.dumps(item).encode()) for item in items(name)]
    assert after is not before
    assert after.parse_items(raw).sources == before.parse_items(raw).sources
    assert after.version == before.version

"""Decoding of pages: an invalid record rejects only itself, whichever decoder reads the page."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from integrations.connectors.decoding import ItemMapping, prune_depth
from integrations.connectors.parsing import identifier, number
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Answer
from integrations.records import Customer


class Item(msgspec.Struct):
    id: str | int | None = None
    name: str | None = None
    amount: Decimal | None = None


def parse_item(item: Item) -> Customer:
    return Customer(external_id=identifier(item.id), name=item.name, email=number(item.amount))


MAPPING = ItemMapping(Item, parse_item, version=1)


def answer(body: str | bytes) -> Answer:
    return Answer(200, {}, body if isinstance(body, bytes) else body.encode(), None)


def test_page_has_records_and_the_rest_of_the_envelope() -> None:
    body = '{"next": {"a": [1]}, "items": [{"id": 1, "amount": 58.40}], "count": 1}'
    page, envelope = MAPPING.decode_page(answer(body), "items")
    assert page.records == [Customer(external_id="1", name=None, email="58.4")]
    assert page.rejected == []
    assert envelope == {"next": {"a": [1]}, "count": 1}


def test_lazy_page_parses_to_the_same_records() -> None:
    """A page that is not lazy has the same records."""
    items = [
        '{"id": "a", "name": "first"}',
        '{"id": 7, "amount": 1.50}',
        '{"name": "no id"}',
        r'{"id": "b", "name": "nul \u0000 and \\\\u0000"}',
        '{"id": "c", "name": 7}',
        '{"id": "a", "name": "once more"}',
    ]
    response = answer(f'{{"items": [{", ".join(items)}], "next_token": "n"}}')
    parsed, _ = MAPPING.decode_page(response, "items")
    lazy, envelope = MAPPING.decode_page(response, "items", lazily=True)
    assert (lazy.records, lazy.rejected, envelope) == ((), (), {"next_token": "n"})
    page = replace(lazy, cursor="n", learned={"fact": True})
    identified, whole = page.identify(), page.parse()
    assert [item.external_id for item in identified.unparsed] == ["a", "7", "b", "c", "a"]
    assert whole.records == parsed.records
    assert [record.external_id for record in whole.records] == ["a", "7", "b", "a"]
    assert [rejected.external_id for rejected in whole.rejected] == [None, "c"]
    assert (whole.cursor, whole.learned, whole.raw_items) == ("n", {"fact": True}, None)
    item_by_item = identified.parse()
    latest = {record.external_id: record for record in whole.records}
    assert {record.external_id: record for record in item_by_item.records} == latest
    assert item_by_item.rejected == whole.rejected
    assert {external_id: item_by_item.sources[external_id] for external_id in latest} == whole.sources
    assert whole.sources == parsed.sources
    assert page.parse(known={"a", "7", "b"}).records == []


# The name of the second item makes the fast decoder give up the page; both decoders must find the same records.
@pytest.mark.parametrize("name", ['"plain"', r'"\ud800"', r'"\u0000"'])
def test_fast_and_slow_decoding_agree(name: str) -> None:
    items = [
        '{"id": "a", "amount": 12345678901234567.123456789}',
        f'{{"id": "b", "name": {name}}}',
        '{"id": "c", "amount": NaN}' if "ud800" in name else '{"id": "c", "amount": "NaN"}',
        '{"id": "d", "name": 7}',
        '{"name": "no id"}',
        '{"id": "e", "amount": 1e-99999999999999999999}',
        '{"id": "f", "amount": "12", "more": [1]}',
    ]
    page, envelope = MAPPING.decode_page(answer(f'{{"items": [{", ".join(items)}], "next_token": "n"}}'), "items")
    assert [record.external_id for record in page.records] == ["a", "b", "f"]
    assert [record.email for record in page.records] == ["12345678901234567.123456789", None, "12"]
    assert [one.external_id for one in page.rejected] == ["c", "d", None, "e"]
    assert page.rejected[1].reason == "Expected `str | null`, got `int` - at `$.name`"
    assert page.rejected[2].reason == "the record has no id"
    assert '"no id"' in page.rejected[2].excerpt
    assert envelope == {"next_token": "n"}


def test_byte_order_mark_is_accepted() -> None:
    page, _ = MAPPING.decode_page(answer(b'\xef\xbb\xbf{"items": [{"id": 1}]}'), "items")
    assert len(page.records) == 1


@pytest.mark.parametrize("body", ["{}", '{"items": null}', '{"items": {}}', '{"items": "x"}', "[]", "7"])
def test_json_without_a_list_breaks_the_contract(body: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        MAPPING.decode_page(answer(body), "items")
    assert caught.value.kind is Kind.CONTRACT
    assert "form" in caught.value.message


@pytest.mark.parametrize("body", ["", "<html>", '{"items": [', '{"items": []} more', "'items'"])
def test_invalid_json_breaks_the_contract(body: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        MAPPING.decode_page(answer(body), "items")
    assert caught.value.kind is Kind.CONTRACT
    assert ("web page" in caught.value.message) == (body == "<html>")


@pytest.mark.parametrize("field", ["name", "unread"])
def test_endlessly_nested_record_rejects_no_other(field: str) -> None:
    """At any depth, as long as nobody reads the value. Brackets inside texts do not count."""
    deep = "[" * 100_000 + "]" * 100_000
    items = ['{"id": "a", "name": "[[{\\"[\\\\"}', f'{{"id": "b", "{field}": [{deep}, 1, {deep}]}}', '{"id": "c"}']
    page, envelope = MAPPING.decode_page(answer(f'{{"items": [{", ".join(items)}], "next": 1}}'), "items")
    rejected = ["b"] if field == "name" else []
    assert [record.external_id for record in page.records] == [one for one in "abc" if one not in rejected]
    assert [one.external_id for one in page.rejected] == rejected
    assert page.records[0].name == '[[{"[\\'
    assert envelope == {"next": 1}


@pytest.mark.parametrize("text", ["[" * 300, "[" * 300 + "]" * 299, "[" * 300 + "1}" * 300, '["' + "[" * 300])
def test_pruned_depth_keeps_invalid_json_invalid(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json.loads(prune_depth(text))


@pytest.mark.parametrize("id_", [r'"a\u0000"', r'"a\ud800"', '"a\ufffd"'])
def test_id_with_invalid_characters_is_rejected(id_: str) -> None:
    """If they were replaced, two different ids could become the same."""
    page, _ = MAPPING.decode_page(answer(f'{{"items": [{{"id": {id_}}}, {{"id": "b"}}]}}'), "items")
    assert [record.external_id for record in page.records] == ["b"]
    assert [one.reason for one in page.rejected] == ["the record's id has invalid characters"]


def test_single_record_is_decoded() -> None:
    page = MAPPING.decode_record(answer('{"data": {"id": 1, "amount": 0.10}, "id": "1"}'), "data")
    assert page.records == [Customer(external_id="1", name=None, email="0.1")]


@pytest.mark.parametrize("body", ["{}", '{"data": []}', '{"data": null}', "[]", "", "<html>"])
def test_missing_single_record_breaks_the_contract(body: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        MAPPING.decode_record(answer(body), "data")
    assert caught.value.kind is Kind.CONTRACT


def test_plain_values_are_converted_like_bytes() -> None:
    values: list[Any] = [{"id": 1, "amount": Decimal("0.10"), "name": "a\x00"}, {"id": None}, 5]
    page = MAPPING.convert(values)
    assert page.records == [Customer(external_id="1", name="a\ufffd", email="0.1")]
    assert len(page.rejected) == 2


def test_excerpt_is_bounded_and_printable() -> None:
    body = f'{{"items": [{{"id": "x", "name": ["\\u0000{"y" * 9000}"]}}]}}'
    (rejected,) = MAPPING.decode_page(answer(body), "items")[0].rejected
    assert (rejected.external_id, len(rejected.excerpt)) == ("x", 500)
    assert "\x00" not in rejected.excerpt
    assert len(MAPPING.convert([{"id": "z" * 900, "name": 1}]).rejected[0].external_id or "") == 200

"""Times, numbers, ids and texts as different WMSs write them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from integrations.connectors.parsing import clean, identifier, in_words, instant, number, plain

MOMENT = datetime(2026, 2, 4, 18, 40, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-02-04T18:40:02Z",
        "2026-02-04t18:40:02z",
        "2026-02-04 18:40:02",
        "2026-02-04T18:40:02.000",
        "2026-02-04T20:40:02+02:00",
        "2026-02-04T20:40:02+0200",
        "2026-02-04T13:10:02.000000-05:30",
        " 2026-02-04T18:40:02+00:00 ",
        "20260204T184002Z",
        "1770230402",
        "1770230402000",
        " 1770230402 ",
        1770230402,
        1770230402000,
        1770230402.0,
        Decimal("1770230402"),
    ],
)
def test_time_is_parsed_in_any_spelling(written: Any) -> None:
    found = instant(written)
    assert found == MOMENT
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("written", "fraction"),
    [("2026-02-04T18:40:02.123456789Z", 123_456), ("2026-02-04T18:40:02.5Z", 500_000), (1770230402123, 123_000)],
)
def test_fractions_are_kept_to_the_microsecond(written: Any, fraction: int) -> None:
    assert instant(written) == MOMENT.replace(microsecond=fraction)


def test_date_without_time_is_midnight() -> None:
    assert instant("2026-02-04") == datetime(2026, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize("written", [None, ""])
def test_empty_time_is_none(written: Any) -> None:
    assert instant(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "²²²²²²²²²²",
        "9" * 5000,
        10**400,
        -(10**400),
        10**15,
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("1e400"),
    ],
    ids=lambda value: str(value)[:20] if not isinstance(value, int) else "int",
)
def test_invalid_time_has_a_short_reason(written: Any) -> None:
    with pytest.raises(ValueError, match="time") as caught:
        instant(written)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("12", "12"),
        ("12.0", "12"),
        ("007", "7"),
        ("58.40", "58.4"),
        ("0.0000001", "0.0000001"),
        ("1E-7", "0.0000001"),
        ("1E+3", "1000"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E-999999", "0"),
        ("0E+999999", "0"),
        ("-3", "-3"),
        ("-3.10", "-3.1"),
        ("100", "100"),
        ("999999999999999999.99", "999999999999999999.99"),
        ("12345678901234.123456789", "12345678901234.123456789"),
        ("0.30000000000000004", "0.30000000000000004"),
    ],
)
def test_numbers_are_exact_and_have_no_exponent(written: str, exact: str) -> None:
    assert number(Decimal(written)) == exact


def test_missing_number_is_none() -> None:
    assert number(None) is None


@pytest.mark.parametrize(
    "written",
    [
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1e18",
        "1e-400",
        "1e-999999",
        "9" * 5000,
        "0." + "1" * 5000,
        "1." + "0" * 5000 + "1",
    ],
    ids=lambda text: text[:12],
)
def test_invalid_number_has_a_short_reason(written: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|too large|too many") as caught:
        number(Decimal(written))
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("written", "text"),
    [("7", "7"), (7, "7"), ("007", "007"), (" a ", " a "), ("É", "É"), (0, "0"), (Decimal("7"), "7"), ("x" * 500,) * 2],
)
def test_ids_keep_every_byte(written: Any, text: str) -> None:
    assert identifier(written) == text


@pytest.mark.parametrize("written", [None, "", "x" * 501, 10**5000], ids=["null", "empty", "long", "digits"])
def test_invalid_id_is_rejected(written: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reason differs; that it is refused is what counts
        identifier(written)


def test_clean_replaces_only_characters_databases_refuse() -> None:
    dirty = {"a\x00": ["b\ud800", "c\udfff", {"d": "\x00"}], "e": "f\n\u2028\x01😀", "g": 1.5, "h": None, "i": True}
    tidy = {"a\ufffd": ["b\ufffd", "c\ufffd", {"d": "\ufffd"}], "e": "f\n\u2028\x01😀", "g": 1.5, "h": None, "i": True}
    assert clean(dirty) == tidy


def test_plain_keeps_every_digit() -> None:
    given = [Decimal("1.5"), Decimal("58.40"), Decimal("1e400"), Decimal("0.12345678901234567890"), 2**70, 7, True]
    assert plain(given) == [1.5, 58.4, "1E+400", "0.12345678901234567890", str(2**70), 7, True]


def test_plain_rejects_deep_nesting() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    assert plain(deep) == deep
    with pytest.raises(ValueError, match="deep"):
        plain({"one": deep})


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_durations_are_put_into_words(span: timedelta, words: str) -> None:
    assert in_words(span) == words

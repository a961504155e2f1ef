"""Formatting of times, durations, numbers and lists of names."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from packr.workspaces.formatting import ago, exact, listed, money, quantity, span

NOW = datetime(2026, 11, 21, 13, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=29, hours=23), "29 days ago"),
        (timedelta(days=30), ""),
        (timedelta(seconds=-20), "in a moment"),
        (timedelta(minutes=-3), "in 3 min"),
        (timedelta(hours=-1), "in 1 hour"),
    ],
)
def test_relative_times(before: timedelta, words: str) -> None:
    assert ago(NOW - before, NOW) == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Berlin", "21 Nov 2026, 14:05:09 CET (13:05 UTC)"),
        ("UTC", "21 Nov 2026, 13:05:09 UTC"),
        ("America/Sao_Paulo", "21 Nov 2026, 10:05:09 UTC-03 (13:05 UTC)"),
        ("Pacific/Auckland", "22 Nov 2026, 02:05:09 NZDT (21 Nov, 13:05 UTC)"),
    ],
)
def test_exact_times_name_their_zone(zone: str, words: str) -> None:
    assert exact(NOW, ZoneInfo(zone)) == words


def test_durations_numbers_and_names() -> None:
    assert [span(timedelta(seconds=each)) for each in (8, 60, 80, 7500, 90 * 3600)] == [
        "8 s",
        "1 min",
        "1 min 20 s",
        "2 h 5 min",
        "3 days",
    ]
    assert [quantity(each) for each in (Decimal("1240.000000"), Decimal("0.500000"), 0, None)] == [
        "1,240",
        "0.5",
        "0",
        "",
    ]
    assert [money(Decimal("58.4"), "USD"), money(Decimal("1234.5675")), money(None, "USD")] == [
        "58.40 USD",
        "1,234.5675",
        "",
    ]
    assert [listed(["Dana"]), listed(["Dana", "Lee", "Kim"]), listed([])] == ["Dana", "Dana, Lee and Kim", ""]

"""Credentials at rest: sealed, rotated, never guessed."""

import io

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from integrations.encryption import Unreadable, decrypt, encrypt, rotate
from integrations.models import Connection
from integrations.services import Account, connect

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
GIVEN = {"key": "marked-secret-1", "shop": "ä 😀"}


@pytest.fixture
def keys(settings):
    def use(*found):
        settings.CREDENTIAL_KEYS = list(found)

    use(OLD)
    return use


def test_there_and_back(keys):
    sealed = encrypt(GIVEN)
    assert decrypt(sealed) == GIVEN
    assert "marked" not in sealed
    assert encrypt(GIVEN) != sealed


def test_a_new_key_in_front_still_opens_the_old(keys):
    sealed = encrypt(GIVEN)
    keys(NEW, OLD)
    assert decrypt(sealed) == GIVEN
    rotated = rotate(sealed)
    keys(NEW)
    assert decrypt(rotated) == GIVEN
    with pytest.raises(Unreadable):
        decrypt(sealed)


def test_a_wrong_key_is_an_error_and_not_garbage(keys):
    sealed = encrypt(GIVEN)
    keys(OTHER)
    for open_ in (decrypt, rotate):
        with pytest.raises(Unreadable, match="PACKR_CREDENTIAL_KEYS"):
            open_(sealed)


@pytest.mark.parametrize("key", ["", "short", "not base64 at all!"])
def test_a_broken_key_is_told_apart(keys, key):
    keys(key)
    with pytest.raises(ImproperlyConfigured, match="Fernet keys"):
        encrypt(GIVEN)


@pytest.fixture
def stored(keys, wms, home):
    return [connect(home, Account("model", f"C{n}", {"key": f"marked-{n}"}), first_sync=False) for n in range(3)]


def test_rotating_all(keys, stored):
    """RELIABILITY 4: afterwards the old key may go, and nothing is unreadable."""
    keys(NEW, OLD)
    out = io.StringIO()
    call_command("rotate_credentials", stdout=out)
    assert out.getvalue() == "3 connections are encrypted with the first key.\n"
    keys(NEW)
    assert [one.credentials()["key"] for one in Connection.objects.order_by("pk")] == [
        "marked-0",
        "marked-1",
        "marked-2",
    ]


def test_rotating_with_a_key_missing_changes_nothing(keys, stored):
    """All or none: a half rotated table would need both keys for ever."""
    keys(NEW)
    Connection.objects.filter(pk=stored[0].pk).update(sealed_credentials=encrypt({"key": "fresh"}))
    before = list(Connection.objects.order_by("pk").values_list("sealed_credentials", flat=True))
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_credentials")
    assert list(Connection.objects.order_by("pk").values_list("sealed_credentials", flat=True)) == before


def test_a_run_with_unreadable_credentials_says_what_to_do(keys, stored):
    """No crash and no empty login at the WMS: the connection needs attention."""
    from syncs.models import State
    from tests.kit.running import sync

    keys(OTHER)
    run = sync(stored[0])
    assert (run.state, run.failure) == (State.FAILED, "credentials")
    assert "PACKR_CREDENTIAL_KEYS" in run.message

"""Encryption of stored credentials and rotation of keys."""

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


def test_encrypted_credentials_decrypt_to_the_same(keys):
    sealed = encrypt(GIVEN)
    assert decrypt(sealed) == GIVEN
    assert "marked" not in sealed
    assert encrypt(GIVEN) != sealed


def test_credentials_of_an_older_key_still_decrypt(keys):
    sealed = encrypt(GIVEN)
    keys(NEW, OLD)
    assert decrypt(sealed) == GIVEN
    rotated = rotate(sealed)
    keys(NEW)
    assert decrypt(rotated) == GIVEN
    with pytest.raises(Unreadable):
        decrypt(sealed)


def test_wrong_key_raises_unreadable(keys):
    sealed = encrypt(GIVEN)
    keys(OTHER)
    for open_ in (decrypt, rotate):
        with pytest.raises(Unreadable, match="PACKR_CREDENTIAL_KEYS"):
            open_(sealed)


@pytest.mark.parametrize("key", ["", "short", "not base64 at all!"])
def test_malformed_key_is_a_configuration_error(keys, key):
    keys(key)
    with pytest.raises(ImproperlyConfigured, match="Fernet keys"):
        encrypt(GIVEN)


@pytest.fixture
def stored(keys, wms, home):
    return [connect(home, Account("model", f"C{n}", {"key": f"marked-{n}"}), first_sync=False) for n in range(3)]


def test_rotate_encrypts_all_with_the_first_key(keys, stored):
    """Afterwards the old key can be removed and everything can still be decrypted."""
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


def test_rotate_with_a_missing_key_changes_nothing(keys, stored):
    """A half-rotated table would need both keys forever."""
    keys(NEW)
    Connection.objects.filter(pk=stored[0].pk).update(sealed_credentials=encrypt({"key": "fresh"}))
    before = list(Connection.objects.order_by("pk").values_list("sealed_credentials", flat=True))
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_credentials")
    assert list(Connection.objects.order_by("pk").values_list("sealed_credentials", flat=True)) == before


def test_unreadable_credentials_fail_the_run_with_advice(keys, stored):
    """The connection needs attention; no empty login is sent to the WMS."""
    from syncs.models import State
    from tests.kit.running import sync

    keys(OTHER)
    run = sync(stored[0])
    assert (run.state, run.failure) == (State.FAILED, "credentials")
    assert "PACKR_CREDENTIAL_KEYS" in run.message

import pytest

from integrations.errors import CONSEQUENCES, ConnectorError, CursorExpired, Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_message_states_fact_consequence_and_advice(kind):
    error = ConnectorError(kind, "It failed.", "Call them.")
    assert error.message == str(error) == f"It failed. {CONSEQUENCES[kind]} Call them."
    assert ConnectorError(kind, "It failed.").message == f"It failed. {CONSEQUENCES[kind]}"


def test_other_consequence_replaces_the_standard_one():
    error = ConnectorError(Kind.CONTRACT, "It failed.", "Call them.")
    assert error.message_with("Nothing was stored.") == "It failed. Nothing was stored. Call them."
    assert error.message_with("") == "It failed. Call them."


def test_expired_cursor_breaks_the_contract():
    error = CursorExpired("It expired.", detail="status 410")
    assert (error.kind, error.fact, error.detail) == (Kind.CONTRACT, "It expired.", "status 410")

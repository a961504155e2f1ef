"""The events of a connection."""

import pytest

from integrations.connection_status import set_status
from integrations.models import Event, EventKind, Status
from integrations.services import disconnect

pytestmark = pytest.mark.django_db


def texts(connection):
    return [event.text for event in Event.objects.filter(connection=connection).order_by("pk")]


def test_connecting_and_disconnecting_are_recorded(connection, django_user_model):
    person = django_user_model.objects.get(username="ada")
    disconnect(connection, person=person)
    assert texts(connection) == ["Connected to Model WMS.", "Disconnected. Its data was kept."]
    assert Event.objects.filter(connection=connection)[0].person == person


def test_rejected_login_and_its_end_are_recorded_once(connection):
    set_status(connection, Status.NEEDS_ATTENTION, "Refused.")
    set_status(connection, Status.NEEDS_ATTENTION, "Refused again.")
    set_status(connection, Status.CONNECTED)
    set_status(connection, Status.UNREACHABLE, "Away.")
    assert texts(connection)[1:] == ["Model WMS rejected the login.", "Model WMS accepts the login again."]
    assert {event.kind for event in Event.objects.filter(connection=connection)[:2]} == {EventKind.CREDENTIALS}


def test_disconnected_connection_keeps_its_status(connection):
    disconnect(connection)
    set_status(connection, Status.NEEDS_ATTENTION, "Refused.")
    assert texts(connection)[-1] == "Disconnected. Its data was kept."

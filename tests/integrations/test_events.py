"""What is kept of a connection's life beside its runs."""

import pytest

from integrations.connection_status import set_status
from integrations.models import Event, EventKind, Status
from integrations.services import disconnect

pytestmark = pytest.mark.django_db


def texts(connection):
    return [event.text for event in Event.objects.filter(connection=connection).order_by("pk")]


def test_connecting_and_disconnecting_are_kept(connection, django_user_model):
    person = django_user_model.objects.get(username="ada")
    disconnect(connection, person=person)
    assert texts(connection) == ["Connected to Model WMS.", "Disconnected. Its data was kept."]
    assert Event.objects.filter(connection=connection)[0].person == person


def test_a_refused_login_is_kept_once_and_so_is_its_end(connection):
    set_status(connection, Status.NEEDS_ATTENTION, "Refused.")
    set_status(connection, Status.NEEDS_ATTENTION, "Refused again.")
    set_status(connection, Status.CONNECTED)
    set_status(connection, Status.UNREACHABLE, "Away.")
    assert texts(connection)[1:] == ["Model WMS rejected the login.", "Model WMS accepts the login again."]
    assert {event.kind for event in Event.objects.filter(connection=connection)[:2]} == {EventKind.CREDENTIALS}


def test_a_disconnected_one_gets_no_status(connection):
    disconnect(connection)
    set_status(connection, Status.NEEDS_ATTENTION, "Refused.")
    assert texts(connection)[-1] == "Disconnected. Its data was kept."

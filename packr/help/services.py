"""Stores support requests and mails them to support."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import QuerySet
from django.utils.timezone import now

from packr.workspaces.errors import Refused
from packr.workspaces.models import Workspace

from .models import SupportRequest, SupportRequestStatus

log = logging.getLogger(__name__)

MAX_PER_HOUR = 10


def send_request(
    workspace: Workspace, person: Any, *, message: str, diagnosis: str, reply_to: str = ""
) -> SupportRequest:
    """Keep a person's request and mail it to support. A mail that fails loses nothing: the request is in the admin.

    Raises Refused for somebody who has asked very often within the hour.
    """
    recent = SupportRequest.objects.filter(person=person, created_at__gt=now() - timedelta(hours=1))
    if recent.count() >= MAX_PER_HOUR:
        raise Refused(f"You have sent {MAX_PER_HOUR} requests within an hour. Support has them; try again later.")
    request = SupportRequest.objects.create(
        workspace=workspace, person=person, message=message, diagnosis=diagnosis, reply_to=reply_to
    )
    _mail(request)
    return request


def _mail(request: SupportRequest) -> None:
    if not settings.SUPPORT_EMAIL:
        return
    subject = f"Packr request {request.pk}: {request.workspace.slug}"
    who = f"{request.person} of {request.workspace.name}, answer to {request.reply_to or '(no address given)'}"
    mail = EmailMessage(
        subject,
        f"{request.message}\n\n{who}\n\n{request.diagnosis}\n",
        to=[settings.SUPPORT_EMAIL],
        reply_to=[request.reply_to] if request.reply_to else None,
    )
    try:
        mail.send()
    except Exception:  # any failure of the mail server; the request is stored
        log.exception("Could not mail request %s to support; it is in the admin.", request.pk)
        return
    SupportRequest.objects.filter(pk=request.pk).update(mailed_at=now())


def answered(requests: QuerySet[SupportRequest], *, person: Any) -> int:
    """Mark new requests as answered. Return how many."""
    return requests.filter(status=SupportRequestStatus.NEW).update(
        status=SupportRequestStatus.ANSWERED, answered_at=now(), answered_by=person
    )

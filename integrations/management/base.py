"""Helpers of the management commands: arguments that name objects, and tables."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from packr.workspaces.models import Workspace

from ..entities import Entity
from ..models import Connection


def workspace_named(slug: str) -> Workspace:
    """Return the workspace. Raises CommandError if there is none."""
    found = Workspace.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no workspace “{slug}”. Create it with: manage.py workspace {slug}")
    return found


def connection_named(text: str) -> Connection:
    """Return the connection with this id or WORKSPACE/NAME. Raises CommandError if there is none."""
    slug, slash, name = text.partition("/")
    connections = Connection.objects.select_related("workspace")
    if slash:
        found = connections.filter(workspace__slug=slug, name=name).first()
    else:
        found = connections.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    if found is None:
        raise CommandError(f"There is no connection “{text}”. Use its id or WORKSPACE/NAME.")
    return found


def entity_named(text: str) -> Entity:
    """Return the entity. Raises CommandError, which lists the names."""
    try:
        return Entity(text)
    except ValueError:
        raise CommandError(f"There is no entity “{text}”. Choose one of: {', '.join(Entity)}.") from None


def print_table(out: OutputWrapper, rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print the rows as JSON, or as aligned columns."""
    if as_json:
        out.write(json.dumps(rows, ensure_ascii=False))
        return
    texts = [list(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in texts) for index in range(len(columns))]
    for line in texts:
        out.write("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return "" if value is None else str(value)

"""Schema of records, derived from their types so that the two can't differ."""

from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct, UnsetType
from rest_framework import serializers

from integrations.records import Flag, Number, Record, Text, Time


class RecordHeader(serializers.Serializer[Any]):
    """Packr's own fields of every record."""

    id = serializers.IntegerField()
    url = serializers.URLField()
    connection = serializers.IntegerField()
    changed_at = serializers.DateTimeField(help_text="when it last changed in Packr")
    removed_at = serializers.DateTimeField(allow_null=True, help_text="when it was removed from the WMS")


@cache
def shape_of(record_type: type[Record]) -> type[serializers.Serializer[Any]]:
    """Return a serializer with the fields of an exported record."""
    hints = get_type_hints(record_type)
    own = {name: _field(hint) for name, hint in hints.items() if name not in ("version_at", "extra")}
    extra = serializers.DictField(help_text="the WMS’s fields beyond the unified ones")
    fields = {**own, "external_id": serializers.CharField(), "extra": extra, "__doc__": record_type.__doc__}
    return type(f"{record_type.__name__}Record", (RecordHeader,), fields)


@cache
def page_of(record_type: type[Record]) -> type[serializers.Serializer[Any]]:
    """Return a serializer of a page of records."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": shape_of(record_type)(many=True),
    }
    return type(f"{record_type.__name__}Page", (serializers.Serializer,), fields)


def _field(hint: Any) -> serializers.Field[Any, Any, Any, Any]:
    if hint == Time:
        return serializers.DateTimeField(allow_null=True)
    if hint == Flag:
        return serializers.BooleanField(allow_null=True)
    if hint in (Text, Number):
        return serializers.CharField(allow_null=True)
    kind = next(one for one in get_args(hint) if one not in (UnsetType, type(None)))
    is_struct = isinstance(kind, type) and issubclass(kind, Struct)
    return (
        serializers.DictField(allow_null=True)
        if is_struct or get_origin(kind) is dict
        else serializers.ListField(allow_null=True)
    )

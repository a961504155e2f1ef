"""A Singer tap for the benchmarks' WMS: SCHEMA, RECORD and STATE lines on standard output.

python -m benchmarks.contestants.tap '{"url": …, "token": …, "kind": "inventory", "since": null}'
"""

import json
import sys
from typing import Any

import msgspec

from .plain import Wms


def main() -> None:
    asked = json.loads(sys.argv[1])
    kind, wms, out = asked["kind"], Wms(asked), sys.stdout.buffer
    is_described = False
    for records in wms.pages(kind, asked["since"], msgspec.json.decode):
        if records and not is_described:
            _write(out, {"type": "SCHEMA", "stream": kind, "schema": _schema(records[0]), "key_properties": ["id"]})
            is_described = True
        for record in records:
            _write(out, {"type": "RECORD", "stream": kind, "record": record})
    _write(out, {"type": "STATE", "value": {kind: wms.clock}})


def _write(out: Any, message: dict[str, Any]) -> None:
    out.write(msgspec.json.encode(message) + b"\n")


def _schema(record: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a record like this example; nested parts are JSON columns."""
    properties: dict[str, Any] = {name: {"type": [_type(value), "null"]} for name, value in record.items()}
    for name in record:
        if name.endswith("_date"):
            properties[name] = {"type": ["string", "null"], "format": "date-time"}
    return {"type": "object", "properties": properties}


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", dict: "object", list: "array"}
    return names.get(type(value), "string")


if __name__ == "__main__":
    main()

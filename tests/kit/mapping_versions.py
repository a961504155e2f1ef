"""Mapping versions: subclass `MappingVersions` for a connector whose mappings are stored with their items' bytes.

A version must change with the records of the same items, and with nothing else.
"""

import json
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from hashlib import blake2b
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import msgspec
import pytest

from integrations.connectors.decoding import ItemMapping


class MappingVersions(ABC):
    """The tests. `versions` is a JSON file that holds the version and a digest of the records of each mapping."""

    module: ClassVar[ModuleType]  # where the mappings are
    versions: ClassVar[Path]
    samples: ClassVar[Iterable[str]]  # the names of the mappings

    @abstractmethod
    def items(self, name: str) -> Iterable[Any]:
        """Return items of a mapping, in as many spellings as it accepts."""

    def raw_items(self, name: str) -> list[msgspec.Raw]:
        return [msgspec.Raw(json.dumps(item).encode()) for item in self.items(name)]

    def test_every_mapping_has_samples(self) -> None:
        assert mappings(self.module).keys() == set(self.samples) == json.loads(self.versions.read_text()).keys()

    def test_other_output_has_another_version(self) -> None:
        stored = json.loads(self.versions.read_text())
        for name, mapping in mappings(self.module).items():
            page = mapping.parse_items(self.raw_items(name))
            assert page.records
            assert not page.rejected
            records = [msgspec.json.encode(record, order="deterministic") for record in page.records]
            digest = blake2b(b"\n".join(records), digest_size=16).hexdigest()
            version = int.from_bytes(mapping.version)
            if digest != stored[name]["digest"] and version == stored[name]["version"]:
                pytest.fail(
                    f"{name} makes other records of the same items. Raise its version to {version + 1}, so that the "
                    f"next full sync compares every item again. Store it in {self.versions.name}, with the digest "
                    f"{digest}."
                )
            expected = {"version": version, "digest": digest}
            assert expected == stored[name], f"Store the version and the digest of {name} in {self.versions.name}."

    def test_editing_comments_changes_no_source(self) -> None:
        edited = mappings(copy_with_other_comments(self.module))
        for name, before in mappings(self.module).items():
            raw, after = self.raw_items(name), edited[name]
            assert after is not before
            sources = before.parse_items(raw).sources
            assert sources
            assert after.parse_items(raw).sources == sources
            assert after.version == before.version


def mappings(module: ModuleType) -> dict[str, ItemMapping[Any]]:
    return {name: value for name, value in vars(module).items() if isinstance(value, ItemMapping)}


def copy_with_other_comments(module: ModuleType) -> ModuleType:
    """Return a copy of a module in which every docstring and comment reads differently."""
    source = Path(str(module.__file__)).read_text()
    other = re.sub(r'^( *""")(?=\S)', r"\1Edited: ", source, flags=re.M) + "\n# A new comment.\n"
    assert other.count("Edited: ") > 1
    spec = spec_from_loader(f"{module.__package__}.edited", loader=None)
    assert spec
    copy = module_from_spec(spec)
    copy.__package__ = module.__package__
    sys.modules[copy.__name__] = copy
    exec(compile(other, "edited", "exec"), vars(copy))  # as another deploy would import it
    return copy

"""The registered connectors and the contracts that test them."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from integrations import connectors
from integrations.connectors.registry import CONNECTORS
from tests.kit.action_contract import ActionContract
from tests.kit.contract import ConnectorContract


@pytest.mark.parametrize("slug", CONNECTORS)
def test_connector_is_tested_by_both_contracts(slug: str) -> None:
    tests = import_module(f"{__package__}.{slug}.test_contract")
    classes = [one for one in vars(tests).values() if isinstance(one, type) and one.__module__ == tests.__name__]
    for contract in (ConnectorContract, ActionContract):
        tested = [one.connector for one in classes if issubclass(one, contract)]  # type: ignore[attr-defined]
        assert tested == [CONNECTORS[slug]]


@pytest.mark.parametrize("slug", CONNECTORS)
def test_connector_only_describes(slug: str) -> None:
    """Loops, pauses, the network library and the ORM belong to the engine."""
    files = list((Path(connectors.__file__).parent / slug).glob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.While), file
            assert not (isinstance(node, ast.Attribute) and node.attr in ("sleep", "objects")), file
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {name.name for name in node.names} | {getattr(node, "module", None)}
                assert not modules & {"requests", "time", "django"}, file

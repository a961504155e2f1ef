"""The list of connectors, and the contracts each of them is tested by."""

from importlib import import_module

import pytest

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

"""The example of docs/add-a-wms.md is the connector that passes the contracts."""

import ast
import re
from pathlib import Path

from django.conf import settings

PAGE = (Path(settings.BASE_DIR) / "docs" / "add-a-wms.md").read_text()
EXAMPLE = Path(__file__).parent / "dockhand"
CONNECTOR = (EXAMPLE / "connector.py").read_text()


def test_page_shows_the_code_that_is_tested() -> None:
    tested = CONNECTOR + (EXAMPLE / "test_contract.py").read_text()
    shown = re.findall("```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) >= 4
    for block in shown:
        assert block in tested, "copy the block from tests/examples/dockhand"


def test_page_shows_the_whole_connector() -> None:
    for node in ast.parse(CONNECTOR).body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            assert (ast.get_source_segment(CONNECTOR, node) or "missing") in PAGE


def test_files_named_by_the_page_exist() -> None:
    paths = re.findall(r"`((?:integrations|tests|docs|packr)/[\w./-]+)`", PAGE)
    assert paths
    for path in paths:
        assert (Path(settings.BASE_DIR) / path).exists(), path

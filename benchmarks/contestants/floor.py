"""The floor: the simplest loop that fills the same tables with the same information, indexes included.

A requests session, msgspec, COPY into a temporary table, one INSERT … ON CONFLICT, lines by COPY; the next page is
fetched in a thread. On SQLite, upserts by executemany. It has no runs, checkpoints, leases, removals or error
handling: whatever Packr costs beyond it is the price of those. With the option `digests` it reads the page's digests
first and writes only what differs.
"""

import sqlite3
from typing import Any

import psycopg

from benchmarks import django_process

from .reading import Reader
from .shapes import TABLES, Row, Table, taken_apart

Split = list[tuple[Row, list[Row]]]


class Contestant:
    def __init__(self, setup: dict[str, Any]) -> None:
        django_process.start(setup)  # only for its tables
        django_process.connection(setup)
        django_process.rest()
        self.reader = Reader(setup)
        self.compares = "digests" in setup["options"]
        self.setup = setup
        self.store: Any = None

    def sync(self, kind: str, full: bool) -> dict[str, Any]:
        """Read the list once, with one transaction per page."""
        self.store = self.store or _store(self.setup["database"])
        seen = written = 0
        for raw in self.reader.pages(kind, full, taken_apart):
            page = TABLES[kind].rows(raw)
            seen += len(page)
            if self.compares:
                known = self.store.digests(TABLES[kind], [row[1] for row, _ in page])
                page = [one for one in page if known.get(one[0][1]) != one[0][5]]
            if page:
                self.store.write(TABLES[kind], page)
            written += len(page)
        return {"seen": seen, "written": written}

    def rest(self) -> None:
        if self.store:
            self.store.close()
        self.store = None


def _store(url: str) -> Any:
    return Postgres(url) if url.startswith("postgres") else Sqlite(url.removeprefix("sqlite:///"))


def _merge(table: Table, source: str) -> str:
    """Insert or overwrite. Every write has a time, as in Packr."""
    names = ", ".join(table.columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in table.columns[2:])
    return (
        f"INSERT INTO {table.name} ({names}, changed_at) {source} "
        f"ON CONFLICT (connection_id, external_id) DO UPDATE SET {updates}, changed_at = excluded.changed_at"
    )


class Postgres:
    def __init__(self, url: str) -> None:
        self.database = psycopg.connect(url, options="-c jit=off")
        self.staged: set[str] = set()

    def close(self) -> None:
        self.database.close()

    def digests(self, table: Table, ids: list[str]) -> dict[str, bytes]:
        query = f"SELECT external_id, digest FROM {table.name} WHERE connection_id = 1 AND external_id = ANY(%s)"
        found: dict[str, bytes] = dict(self.database.execute(query, [ids]).fetchall())
        self.database.commit()
        return found

    def write(self, table: Table, page: Split) -> None:
        names = ", ".join(table.columns)
        with self.database.cursor() as cursor:
            if table.name not in self.staged:
                cursor.execute(
                    f"CREATE TEMPORARY TABLE page_{table.name} ON COMMIT DELETE ROWS AS "
                    f"SELECT {names} FROM {table.name} LIMIT 0"
                )
                self.staged.add(table.name)
            _copy(cursor, f"page_{table.name}", table.columns, [row for row, _ in page])
            source = f"SELECT {names}, now() FROM page_{table.name} WHERE true"
            cursor.execute(f"{_merge(table, source)} RETURNING external_id, id, xmax <> 0")
            merged = cursor.fetchall()
            if replaced := [key for _, key, existed in merged if existed]:
                cursor.execute(f"DELETE FROM {table.lines} WHERE {table.parent} = ANY(%s)", [replaced])
            keys = {external_id: key for external_id, key, _ in merged}
            lines = [(1, keys[row[1]], *line) for row, lines in page for line in lines]
            _copy(cursor, table.lines, table.line_columns, lines)
        self.database.commit()


def _copy(cursor: Any, name: str, columns: Any, rows: list[Row]) -> None:
    """Send one prepared text by COPY."""
    text = "".join(["\t".join(map(_text, row)) + "\n" for row in rows])
    with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        text: str = value
        if "\\" in text:
            text = text.replace("\\", "\\\\")
        if "\t" in text or "\n" in text or "\r" in text:
            text = text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
        return text
    if value is None:
        return "\\N"
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value)


class Sqlite:
    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, isolation_level="IMMEDIATE")
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        self.database.close()

    def digests(self, table: Table, ids: list[str]) -> dict[str, bytes]:
        return self._by_id(table, ids, "digest")

    def write(self, table: Table, page: Split) -> None:
        ids = [row[1] for row, _ in page]
        replaced = self._by_id(table, ids, "id")
        marks = ", ".join("?" * len(table.columns))
        rows = [row for row, _ in page]
        self.database.executemany(_merge(table, f"VALUES ({marks}, datetime('now'))"), rows)
        if replaced:
            parents = [(key,) for key in replaced.values()]
            self.database.executemany(f"DELETE FROM {table.lines} WHERE {table.parent} = ?", parents)
        keys = self._by_id(table, ids, "id")
        lines = [(1, keys[row[1]], *line) for row, lines in page for line in lines]
        names = ", ".join(table.line_columns)
        marks = ", ".join("?" * len(table.line_columns))
        self.database.executemany(f"INSERT INTO {table.lines} ({names}) VALUES ({marks})", lines)
        self.database.commit()

    def _by_id(self, table: Table, ids: list[str], column: str) -> dict[str, Any]:
        query = f"SELECT external_id, {column} FROM {table.name} WHERE connection_id = 1 AND external_id IN "
        return dict(self.database.execute(f"{query}({', '.join('?' * len(ids))})", ids).fetchall())

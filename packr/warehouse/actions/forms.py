"""A form made from the fields by which a connector describes an action.

Inputs are named by the path of their value, such as `line_items.0.sku`, which is how the WMS's errors name them too.
What was typed stays as it was typed until it is understood.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict

from integrations.connectors.actions import Field

Typed = dict[str, Any]  # by the names of fields: texts, for an address a dict of texts, for lines a list of these
LONGEST = 2000
MOST_LINES = 200
WHOLE = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose: what is sent, and what people read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Input:
    """One input as the page shows it. An address has `inputs`, lines have `lines` of them."""

    field: Field
    name: str
    value: str = ""
    errors: Sequence[str] = ()
    choices: Sequence[Choice] = ()
    inputs: Sequence["Input"] = ()
    lines: Sequence["Line"] = ()
    fresh: bool = False
    fixed: bool = False

    @property
    def id(self) -> str:
        return f"id_{self.name.replace('.', '_')}"

    @property
    def widget(self) -> str:
        """How it is written: the name of what the template draws."""
        if self.field.kind in ("lines", "address", "flag", "day"):
            return self.field.kind
        if self.fixed:
            return "text"
        if self.choices and self.field.kind not in SUGGESTED:
            return "select"
        return "text"

    @property
    def list_id(self) -> str:
        """The suggestions it shares with others of its kind."""
        return f"known-{self.field.kind}" if self.field.kind in SUGGESTED else ""

    @property
    def mode(self) -> str:
        """Which keyboard a phone shows."""
        return {"integer": "numeric", "decimal": "decimal"}.get(self.field.kind, "")

    @property
    def described_by(self) -> str:
        """The ids of what describes it: its help and its errors."""
        help_id = [f"{self.id}_help"] if self.field.help else []
        return " ".join([*help_id, *([f"{self.id}_error"] if self.errors else [])])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of several."""

    number: int
    name: str
    inputs: Sequence[Input]
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in the summary on top of a form, with the input it is about, if the form has it."""

    text: str
    label: str = ""
    input_id: str = ""


# Where the WMS knows more than can be listed, or takes what it does not know yet: type, with suggestions.
SUGGESTED = ("sku", "supplier", "location")


@dataclass
class ActionForm:
    """The inputs of an action's form with what was typed into them, and what was found wrong with it.

    `choices` are those that the mirror has, by the kind of field. `theirs`: the errors are the WMS's own words.
    `fixed`: its lines are those that the record has, none is added or taken away. `fresh` is the path of the line that
    was just added, or of the lines of which one was taken away: where the person goes on.
    """

    fields: Sequence[Field]
    typed: Typed = field(default_factory=dict)
    choices: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    theirs: bool = False
    fixed: bool = False
    fresh: str = ""

    @property
    def inputs(self) -> list[Input]:
        return [self._input(one, one.name, self.typed.get(one.name)) for one in self.fields]

    @property
    def suggestions(self) -> list[tuple[str, Sequence[Choice]]]:
        """The lists that inputs suggest from."""
        kinds = {one.field.kind for one in _all(self.inputs)} & set(SUGGESTED)
        return [(f"known-{kind}", self.choices.get(kind, ())) for kind in sorted(kinds)]

    @property
    def problems(self) -> list[Problem]:
        """Every error, each with the way to its input."""
        inputs = {one.name: one for one in _all(self.inputs)}
        found = []
        for name, texts in self.errors.items():
            one = inputs.get(name)
            found += [Problem(text, _label(one, name), one.id if one else "") for text in texts]
        return found

    def _input(self, one: Field, name: str, value: Any) -> Input:
        made = Input(
            one,
            name,
            value=value if isinstance(value, str) else "",
            errors=self.errors.get(name, ()),
            choices=self._choices(one, value),
            fresh=name == self.fresh,
            fixed=self.fixed and one.name == "sku",
        )
        if one.kind == "address":
            typed = value if isinstance(value, dict) else {}
            return replace(made, inputs=self._inside(one, name, typed))
        if one.kind == "lines":
            lines = value if isinstance(value, list) and value else [{}]
            return replace(made, lines=[self._line(one, name, place, typed) for place, typed in enumerate(lines)])
        return made

    def _inside(self, one: Field, name: str, typed: Typed) -> list[Input]:
        return [self._input(each, f"{name}.{each.name}", typed.get(each.name)) for each in one.fields]

    def _line(self, one: Field, name: str, place: int, typed: Typed) -> Line:
        path = f"{name}.{place}"
        first, *others = self._inside(one, path, typed)
        first = replace(first, fresh=path == self.fresh)
        return Line(place + 1, path, [first, *others], self.errors.get(path, ()))

    def _choices(self, one: Field, value: Any) -> Sequence[Choice]:
        known = [Choice(*pair) for pair in one.choices] or self.choices.get(one.kind, ())
        if one.kind in SUGGESTED or not value or not known or value in {choice.value for choice in known}:
            return known
        return [*known, Choice(str(value), str(value))]


def _all(inputs: Sequence[Input]) -> Iterator[Input]:
    for one in inputs:
        yield one
        yield from _all(one.inputs)
        for line in one.lines:
            yield from _all(line.inputs)


def _label(one: Input | None, name: str) -> str:
    """What an input is called in the summary: the line it is in, and its label."""
    if one is None:
        return name.rsplit(".", 1)[-1].replace("_", " ")
    *_, place, _ = ("", "", *name.split("."))
    return f"Line {int(place) + 1}, {one.field.label}" if place.isdecimal() else one.field.label


def typed(fields: Sequence[Field], sent: QueryDict) -> Typed:
    """What was typed into the inputs, as it was typed."""
    return {one.name: _typed(one, one.name, sent) for one in fields}


def _typed(one: Field, name: str, sent: QueryDict) -> Any:
    if one.kind == "address":
        return {each.name: _typed(each, f"{name}.{each.name}", sent) for each in one.fields}
    if one.kind == "lines":
        line = re.compile(rf"{re.escape(name)}\.(\d{{1,4}})\.")
        places = sorted({int(found[1]) for key in sent if (found := line.match(key))})[:MOST_LINES]
        return [
            {each.name: _typed(each, f"{name}.{place}.{each.name}", sent) for each in one.fields} for place in places
        ]
    return sent.get(name, "").replace("\0", "").strip()[:LONGEST]


def without_blanks(fields: Sequence[Field], typed: Typed) -> Typed:
    """The same without the lines that nothing was typed into."""
    lines = {one.name for one in fields if one.kind == "lines"}
    return {
        name: [line for line in value if any(line.values())] if name in lines else value
        for name, value in typed.items()
    }


def values(fields: Sequence[Field], typed: Typed) -> dict[str, Any]:
    """What was typed as values of the fields; what was left empty is left out, what can't be read stays a text."""
    found = {one.name: _value(one, typed.get(one.name)) for one in fields}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _value(one: Field, typed: Any) -> Any:
    if one.kind == "address":
        return values(one.fields, typed)
    if one.kind == "lines":
        return [values(one.fields, line) for line in typed]
    if one.kind == "integer" and WHOLE.fullmatch(typed):
        return int(typed)
    if one.kind == "flag":
        return True if typed else None
    return typed


def started(fields: Sequence[Field], record: Mapping[str, Any]) -> Typed:
    """What the inputs start with when a record is edited: what it has."""
    return {one.name: _started(one, record.get(one.name)) for one in fields}


def _started(one: Field, value: Any) -> Any:
    if one.kind == "address":
        return started(one.fields, value if isinstance(value, Mapping) else {})
    if one.kind == "lines":
        return [started(one.fields, line) for line in value or () if isinstance(line, Mapping)]
    if one.kind == "flag":
        return "on" if value else ""
    if value is None:
        return ""
    return str(value)[:10] if one.kind == "day" else str(value)


def pinned(fields: Sequence[Field], typed: Typed, errors: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Errors where they can be mended: what is missing of an empty address or list, at each input that is needed."""
    found: dict[str, list[str]] = {}
    whole = {one.name: one for one in fields if one.kind in ("address", "lines")}
    for name, said in errors.items():
        one = whole.get(name)
        if one is None or any(value for _, _, value in _flat([one], typed)):
            found[name] = list(said)
            continue
        path = f"{name}.0" if one.kind == "lines" else name
        found |= {f"{path}.{each.name}": list(said) for each in one.fields if each.required}
    return found


def meant(fields: Sequence[Field], typed: Typed, message: str) -> dict[str, list[str]]:
    """The inputs that a refusal without fields is about: those whose SKU or number it names."""
    found: dict[str, list[str]] = {}
    for name, one, value in _flat(fields, typed):
        names_it = one.kind == "sku" or one.name.endswith("number")
        if names_it and value and re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", message):
            found[name] = [message]
    return found


def _flat(fields: Sequence[Field], typed: Typed, path: str = "") -> Iterator[tuple[str, Field, str]]:
    """Every input's name, field and text."""
    for one in fields:
        name, value = f"{path}{one.name}", typed.get(one.name)
        if isinstance(value, list):
            for place, line in enumerate(value):
                yield from _flat(one.fields, line, f"{name}.{place}.")
        elif isinstance(value, dict):
            yield from _flat(one.fields, value, f"{name}.")
        else:
            yield name, one, str(value or "")


def rearranged(typed: Typed, *, add: str = "", remove: str = "") -> Typed:
    """The same with an empty line more, or without one: `line_items`, or `line_items.2`."""
    name, _, place = remove.rpartition(".")
    made = dict(typed)
    if add and isinstance(typed.get(add), list):
        made[add] = [*typed[add], {}][:MOST_LINES]
    if place.isdecimal() and isinstance(typed.get(name), list):
        made[name] = [line for number, line in enumerate(typed[name]) if number != int(place)]
    return made

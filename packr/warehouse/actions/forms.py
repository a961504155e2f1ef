"""Form of an action, built from the fields that its connector describes.

Inputs are named by the path of their value, such as `line_items.0.sku`; errors of the WMS use the same paths. The form
keeps what was typed as text; `validation` turns it into values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict

from integrations.connectors.actions import Field

from .validation import FieldErrors, is_empty

Typed = dict[str, Any]  # by field name: a text, for an address a dict of texts, for lines a list of such dicts
# Fields whose values may be too many to list, or new to the WMS: people type, with suggestions.
SUGGESTED_KINDS = ("sku", "supplier", "location")


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a select: the value sent and the label shown."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the form. An address has `inputs`, lines have `lines`.

    `has_focus`: the input to focus when the page opens. `is_fixed`: shown, but not editable.
    """

    field: Field
    name: str
    value: str = ""
    errors: Sequence[str] = ()
    choices: Sequence[Choice] = ()
    inputs: Sequence["Input"] = ()
    lines: Sequence["FormLine"] = ()
    has_focus: bool = False
    is_fixed: bool = False

    @property
    def id(self) -> str:
        return f"id_{self.name.replace('.', '_')}"

    @property
    def widget(self) -> str:
        """The widget that the template draws."""
        if self.field.kind in ("lines", "address", "flag", "day"):
            return self.field.kind
        if self.choices and not self.is_fixed and self.field.kind not in SUGGESTED_KINDS:
            return "select"
        return "text"

    @property
    def list_id(self) -> str:
        """The id of the suggestions, shared by all inputs of one kind."""
        return f"known-{self.field.kind}" if self.field.kind in SUGGESTED_KINDS else ""

    @property
    def inputmode(self) -> str:
        """The keyboard that a phone shows."""
        return {"integer": "numeric", "decimal": "decimal"}.get(self.field.kind, "")

    @property
    def described_by(self) -> str:
        """The ids of the input's help and errors."""
        help_id = [f"{self.id}_help"] if self.field.help else []
        error_id = [f"{self.id}_error"] if self.errors else []
        return " ".join([*help_id, *error_id])


@dataclass(frozen=True, slots=True)
class FormLine:
    """One line of several."""

    number: int
    name: str
    inputs: Sequence[Input]
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FormProblem:
    """One error in the summary above a form, with the label and id of its input if there is one."""

    text: str
    label: str = ""
    input_id: str = ""


@dataclass
class ActionForm:
    """Form of an action, with typed texts and errors.

    `choices` come from the mirror, by the kind of field. `errors_are_wms`: the errors are the WMS's own words.
    `is_edit`: its lines are those of the record; none can be added or removed. `focus` is the path of the line that
    was just added, or of the lines after one was removed.
    """

    fields: Sequence[Field]
    typed: Typed = field(default_factory=dict)
    choices: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors_are_wms: bool = False
    is_edit: bool = False
    focus: str = ""

    @property
    def inputs(self) -> list[Input]:
        return [self._input(one, one.name, self.typed.get(one.name)) for one in self.fields]

    @property
    def suggestions(self) -> list[tuple[str, Sequence[Choice]]]:
        """The suggestion lists by their ids."""
        kinds = {one.field.kind for one in _with_nested(self.inputs)} & set(SUGGESTED_KINDS)
        return [(f"known-{kind}", self.choices.get(kind, ())) for kind in sorted(kinds)]

    @property
    def problems(self) -> list[FormProblem]:
        """Every error, with a link to its input."""
        inputs = {one.name: one for one in _with_nested(self.inputs)}
        return [
            FormProblem(text, _label(inputs.get(name), name), inputs[name].id if name in inputs else "")
            for name, texts in self.errors.items()
            for text in texts
        ]

    @property
    def fields_to_fix(self) -> int:
        """How many fields have errors."""
        return sum(1 for name in self.errors if name)

    def _input(self, one: Field, name: str, value: Any) -> Input:
        made = Input(
            one,
            name,
            value=value if isinstance(value, str) else "",
            errors=self.errors.get(name, ()),
            choices=self._choices(one, value),
            has_focus=name == self.focus,
            is_fixed=self.is_edit and one.name == "sku",
        )
        if one.kind == "address":
            return replace(made, inputs=self._nested(one, name, value if isinstance(value, dict) else {}))
        if one.kind == "lines":
            lines = value if isinstance(value, list) and value else [{}]
            return replace(made, lines=[self._line(one, name, index, line) for index, line in enumerate(lines)])
        return made

    def _nested(self, one: Field, name: str, typed: Typed) -> list[Input]:
        return [self._input(each, f"{name}.{each.name}", typed.get(each.name)) for each in one.fields]

    def _line(self, one: Field, name: str, index: int, typed: Typed) -> FormLine:
        path = f"{name}.{index}"
        first, *others = self._nested(one, path, typed)
        first = replace(first, has_focus=path == self.focus)
        return FormLine(index + 1, path, [first, *others], self.errors.get(path, ()))

    def _choices(self, one: Field, value: Any) -> Sequence[Choice]:
        known = [Choice(*pair) for pair in one.choices] or self.choices.get(one.kind, ())
        if one.kind in SUGGESTED_KINDS or not value or not known or value in {choice.value for choice in known}:
            return known
        return [*known, Choice(str(value), str(value))]


def _with_nested(inputs: Sequence[Input]) -> Iterator[Input]:
    for one in inputs:
        yield one
        yield from _with_nested(one.inputs)
        for line in one.lines:
            yield from _with_nested(line.inputs)


def _label(one: Input | None, name: str) -> str:
    """Return the label of an input in the summary, such as `Line 2, SKU`."""
    if one is None:
        return name.rsplit(".", 1)[-1].replace("_", " ")
    *_, index, _ = ("", "", *name.split("."))
    return f"Line {int(index) + 1}, {one.field.label}" if index.isdecimal() else one.field.label


def typed_values(fields: Sequence[Field], data: QueryDict) -> Typed:
    """Return the typed texts by field."""
    return {one.name: _typed(one, one.name, data) for one in fields}


def _typed(one: Field, name: str, data: QueryDict) -> Any:
    if one.kind == "address":
        return {each.name: _typed(each, f"{name}.{each.name}", data) for each in one.fields}
    if one.kind == "lines":
        pattern = re.compile(rf"{re.escape(name)}\.(\d{{1,4}})\.")
        indexes = sorted({int(found[1]) for key in data if (found := pattern.match(key))})
        return [
            {each.name: _typed(each, f"{name}.{index}.{each.name}", data) for each in one.fields} for index in indexes
        ]
    return data.get(name, "").replace("\0", "").strip()


def without_empty_lines(typed: Typed) -> Typed:
    """Return the typed texts without lines that are empty."""
    return {
        name: [line for line in value if any(line.values())] if isinstance(value, list) else value
        for name, value in typed.items()
    }


def filled(typed: Any) -> Any:
    """Return the typed texts without empty inputs."""
    if isinstance(typed, dict):
        nested = {name: filled(value) for name, value in typed.items()}
        return {name: value for name, value in nested.items() if not is_empty(value)}
    return [filled(line) for line in typed] if isinstance(typed, list) else typed


def typed_record(fields: Sequence[Field], record: Mapping[str, Any]) -> Typed:
    """Return a record's values as texts, to be edited."""
    return {one.name: _typed_value(one, record.get(one.name)) for one in fields}


def _typed_value(one: Field, value: Any) -> Any:
    if one.kind == "address":
        return typed_record(one.fields, value if isinstance(value, Mapping) else {})
    if one.kind == "lines":
        return [typed_record(one.fields, line) for line in value or () if isinstance(line, Mapping)]
    if one.kind == "flag":
        return "on" if value else ""
    if value is None:
        return ""
    return str(value)[:10] if one.kind == "day" else str(value)


def at_inputs(fields: Sequence[Field], typed: Typed, errors: Mapping[str, Sequence[str]]) -> FieldErrors:
    """Return the errors by input: a missing address or list is reported at each of its required inputs."""
    found: FieldErrors = {}
    groups = {one.name: one for one in fields if one.kind in ("address", "lines")}
    for name, texts in errors.items():
        group = groups.get(name)
        if group is None or any(value for _, _, value in _flat([group], typed)):
            found[name] = list(texts)
            continue
        path = f"{name}.0" if group.kind == "lines" else name
        found |= {f"{path}.{each.name}": list(texts) for each in group.fields if each.required}
    return found


def inputs_in_message(fields: Sequence[Field], typed: Typed, message: str) -> FieldErrors:
    """Return the message as an error of each input whose SKU or number it mentions."""
    found: FieldErrors = {}
    for name, one, value in _flat(fields, typed):
        is_identifier = one.kind == "sku" or one.name.endswith("number")
        if is_identifier and value and re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", message):
            found[name] = [message]
    return found


def _flat(fields: Sequence[Field], typed: Typed, prefix: str = "") -> Iterator[tuple[str, Field, str]]:
    """Yield the name, field and text of every input."""
    for one in fields:
        name, value = f"{prefix}{one.name}", typed.get(one.name)
        if isinstance(value, list):
            for index, line in enumerate(value):
                yield from _flat(one.fields, line, f"{name}.{index}.")
        elif isinstance(value, dict):
            yield from _flat(one.fields, value, f"{name}.")
        else:
            yield name, one, str(value or "")


def with_line_changes(typed: Typed, *, add: str = "", remove: str = "") -> Typed:
    """Return the typed texts with an empty line added to `line_items`, or without the line `line_items.2`."""
    name, _, index = remove.rpartition(".")
    made = dict(typed)
    if add and isinstance(typed.get(add), list):
        made[add] = [*typed[add], {}]
    if index.isdecimal() and isinstance(typed.get(name), list):
        made[name] = [line for position, line in enumerate(typed[name]) if position != int(index)]
    return made

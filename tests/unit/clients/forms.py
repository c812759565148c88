"""The form of JSON documents: as the contract, a dataclass and a TypeScript interface define it."""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

# An object is a dict of members, an array a list with the form of its items, anything else a name,
# or several names with " | " between them.
Form = dict[str, "Member"] | list["Form"] | str


@dataclass(frozen=True)
class Member:
    """A member of an object."""

    form: Form
    nullable: bool
    required: bool


def _either(forms: Iterable[Form]) -> str:
    return " | ".join(dict.fromkeys(map(str, forms)))


# --- the contract -----------------------------------------------------------------------------


def resolve(contract: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Resolve `$ref` and merge `allOf`."""
    while "$ref" in schema:
        target: Any = contract
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    if "allOf" not in schema:
        return schema
    parts = [resolve(contract, part) for part in schema["allOf"]]
    return {
        "type": "object",
        "required": [name for part in parts for name in part.get("required", [])],
        "properties": {n: p for part in parts for n, p in part.get("properties", {}).items()},
    }


def form_of_schema(contract: dict[str, Any], schema: dict[str, Any]) -> Form:
    found = resolve(contract, schema)
    if "oneOf" in found:
        return _either(form_of_schema(contract, each) for each in found["oneOf"])
    if found["type"] == "array":
        return [form_of_schema(contract, found["items"])]
    if found["type"] != "object":
        kind: str = found["type"]
        return kind
    return {
        name: Member(
            form=form_of_schema(contract, member),
            nullable=resolve(contract, member).get("nullable", False),
            required=name in found.get("required", []),
        )
        for name, member in found.get("properties", {}).items()
    }


# --- Python -----------------------------------------------------------------------------------

_UNIONS = (types.UnionType, Union)
_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def form_of_class(kind: Any) -> Form:
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return {
            field.name: Member(
                form=form_of_class(_without_none(hints[field.name])),
                nullable=_without_none(hints[field.name]) is not hints[field.name],
                required=field.default is dataclasses.MISSING,
            )
            for field in dataclasses.fields(kind)
            if field.name != "raw"
        }
    if get_origin(kind) in _UNIONS:
        return _either(_NAMES[each] for each in get_args(kind))
    if get_origin(kind) is tuple:
        return [form_of_class(get_args(kind)[0])]
    return {} if get_origin(kind) is Mapping else _NAMES[kind]


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in _UNIONS:
        return hint
    kinds = [each for each in get_args(hint) if each is not types.NoneType]
    return functools.reduce(operator.or_, kinds)


# --- TypeScript -------------------------------------------------------------------------------

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INTERFACE = re.compile(r"export interface (\w+)(?: extends (\w+))? \{(.*?)^\}", re.M | re.S)
_MEMBER = re.compile(r"^\s*(\w+)(\??): ([^;]+);", re.MULTILINE)
_CODES = re.compile(r"export type (\w+) =([^;{]*\"[^;{]*);")


class Types:
    """The interfaces and the codes of a file with types."""

    def __init__(self, text: str) -> None:
        text = _COMMENT.sub("", text)
        self.interfaces = {name: (base, body) for name, base, body in _INTERFACE.findall(text)}
        self.codes = {name: re.findall(r'"(\w+)"', body) for name, body in _CODES.findall(text)}

    def form(self, name: str) -> Form:
        if name.endswith("[]"):
            return [self.form(name[:-2])]
        if " | " in name:
            return _either(self.form(each) for each in name.split(" | "))
        if name.startswith('"'):
            return "string"
        if name not in self.interfaces:
            return "string" if name.endswith("Code") else name
        base, body = self.interfaces[name]
        inherited = self.form(base) if base else {}
        assert isinstance(inherited, dict)
        return inherited | {
            member: Member(
                form=self.form(kind.removesuffix(" | null")),
                nullable=kind.endswith(" | null"),
                required=not optional,
            )
            for member, optional, kind in _MEMBER.findall(body)
        }


# --- comparison -------------------------------------------------------------------------------


def differences(client: Form, contract: Form, where: str) -> list[str]:
    """List what a client gets wrong; it may do without members that the contract requires."""
    if isinstance(client, list) and isinstance(contract, list):
        return differences(client[0], contract[0], f"{where}[]")
    if isinstance(client, str) or isinstance(contract, str) or isinstance(client, list):
        return (
            [] if client == contract else [f"{where} is {client}, and {contract} in the contract"]
        )
    assert isinstance(contract, dict)
    found = [f"{where}.{name} is in one only" for name in client.keys() ^ contract.keys()]
    for name in client.keys() & contract.keys():
        ours, theirs, place = client[name], contract[name], f"{where}.{name}"
        found += differences(ours.form, theirs.form, place)
        # A member that may be absent is None in a dataclass.
        if ours.nullable != theirs.nullable and (theirs.nullable or theirs.required):
            found.append(f"{place} differs in null")
        if ours.required and not theirs.required:
            found.append(f"{place} may be absent")
    return found

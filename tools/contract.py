"""Find what a new OpenAPI contract breaks for the clients of an old one.

Requests may only become more permissive: everything that the old contract accepts must still be
accepted. Responses may only gain fields: everything that the old contract promises must still hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

Direction = Literal["request", "response"]
Node = Mapping[str, Any]

_METHODS = ("get", "put", "post", "delete", "head", "patch")
_LOWER = ("minimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
_UNCOUNTED = ("pattern", "format", "default")


@dataclass(frozen=True)
class Change:
    """One breaking change.

    Attributes
    ----------
    operation : str
        The operation it breaks, such as `POST /predict`.
    subject : str
        The parameter, field, status, header or media type that changed.
    problem : str
        What happened to it.
    """

    operation: str
    subject: str
    problem: str

    def __str__(self) -> str:
        return f"`{self.operation}`: `{self.subject}` {self.problem}"

    def announced_in(self, bullets: Sequence[str]) -> bool:
        """Return whether a bullet names the operation (or `every route`) and the subject."""
        return any(
            f"`{self.subject}`" in bullet
            and (f"`{self.operation}`" in bullet or "every route" in bullet)
            for bullet in bullets
        )


def breaking_changes(old: Node, new: Node) -> list[Change]:
    """Compare two OpenAPI 3.0 documents.

    Parameters
    ----------
    old, new : Mapping
        Parsed documents; references must point into the document itself and must not be
        recursive.

    Returns
    -------
    list of Change
        In the order of the old document, without duplicates.
    """
    found: dict[Change, None] = {}
    for path, item in old["paths"].items():
        for method in (name for name in _METHODS if name in item):
            operation = f"{method.upper()} {path}"
            other = new["paths"].get(path, {}).get(method)
            if other is None:
                found[Change(operation, operation, "was removed")] = None
            else:
                found.update(
                    dict.fromkeys(_Comparison(old, new, operation).operation(item[method], other))
                )
    return list(found)


@dataclass(frozen=True)
class _Comparison:
    """Compares one operation of two documents; `subject` is what is being compared."""

    old_document: Node
    new_document: Node
    name: str
    direction: Direction = "request"
    subject: str = ""

    def operation(self, old: Node, new: Node) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            yield self._of("operationId")._change("changed")
        yield from self._parameters(old, new)
        if "requestBody" in old or "requestBody" in new:
            yield from self._body(old.get("requestBody"), new.get("requestBody"))
        for status, response in old["responses"].items():
            at = replace(self, direction="response", subject=status)
            if status in new["responses"]:
                yield from at._response(self._old(response), self._new(new["responses"][status]))
            else:
                yield at._change("was removed")

    def _parameters(self, old: Node, new: Node) -> Iterator[Change]:
        before = {(p["in"], p["name"]): p for p in map(self._old, old.get("parameters", ()))}
        after = {(p["in"], p["name"]): p for p in map(self._new, new.get("parameters", ()))}
        for key, parameter in before.items():
            at = self._of(key[1])
            other = after.get(key)
            if other is None:
                yield at._change("was removed")
                continue
            if other.get("required", False) and not parameter.get("required", False):
                yield at._change("became required")
            for style in ("style", "explode"):
                if parameter.get(style) != other.get(style):
                    yield at._change(f"changed its {style}")
            yield from at._schema(parameter["schema"], other["schema"])
        for key in after.keys() - before.keys():
            if after[key].get("required", False):
                yield self._of(key[1])._change("was added as required")

    def _body(self, old: Node | None, new: Node | None) -> Iterator[Change]:
        at = self._of("requestBody")
        before, after = self._old(old or {}), self._new(new or {})
        if old is not None and new is None:
            yield at._change("was removed")
        elif after.get("required", False) and not before.get("required", False):
            yield at._change("became required")
        else:
            yield from at._content(before.get("content", {}), after.get("content", {}))

    def _response(self, old: Node, new: Node) -> Iterator[Change]:
        after = {name: self._new(header) for name, header in new.get("headers", {}).items()}
        for name, header in ((n, self._old(h)) for n, h in old.get("headers", {}).items()):
            at = self._of(name)
            if name not in after:
                yield at._change("was removed")
                continue
            if header.get("required", False) and not after[name].get("required", False):
                yield at._change("became optional")
            yield from at._schema(header["schema"], after[name]["schema"])
        yield from self._content(old.get("content", {}), new.get("content", {}))

    def _content(self, old: Node, new: Node) -> Iterator[Change]:
        for kind, media in old.items():
            if kind not in new:
                yield self._of(kind)._change(f"was removed from the {self.direction}")
            else:
                yield from self._of(kind)._schema(media["schema"], new[kind]["schema"])

    def _schema(self, old: Node, new: Node) -> Iterator[Change]:
        before, after = self._alternatives(old, old=True), self._alternatives(new, old=False)
        alone = len(before) == len(after) == 1
        for name, one in before:
            yield from self._kept(name, one, after, alone=alone)
        if self.direction == "response":
            for name, other in after:
                if all(any(self._plain(one, other)) for _, one in before) and (
                    name not in dict(before)
                ):
                    yield self._change(f"gained the form {name or 'without a name'}")

    def _kept(
        self, name: str, one: Node, after: Sequence[tuple[str, Node]], *, alone: bool
    ) -> Iterator[Change]:
        """Compare an alternative with its namesake, unless another one takes its place."""
        if not all(any(self._plain(one, other)) for _, other in after):
            return
        namesake = next((other for other_name, other in after if alone or other_name == name), None)
        if namesake is None:
            yield self._change(f"lost the form {name or 'without a name'}")
        else:
            yield from self._plain(one, namesake)

    def _plain(self, old: Node, new: Node) -> Iterator[Change]:
        """Compare two schemas without `oneOf`, `allOf` and `$ref` at their top."""
        yield from self._type(old, new)
        yield from self._limits(old, new)
        yield from self._properties(old, new)
        if "items" in old and "items" in new:
            yield from self._schema(old["items"], new["items"])

    def _type(self, old: Node, new: Node) -> Iterator[Change]:
        narrow, wide = (old, new) if self.direction == "request" else (new, old)
        before, after = old.get("type"), new.get("type")
        grown = (narrow.get("type"), wide.get("type")) == ("integer", "number")
        if before != after and not grown:
            yield self._change(f"changed its type from {before} to {after}")
        if narrow.get("nullable", False) and not wide.get("nullable", False):
            verb = "no longer takes null" if self.direction == "request" else "may be null"
            yield self._change(verb)
        lost = [value for value in old.get("enum", ()) if value not in new.get("enum", [value])]
        if lost:
            yield self._change(f"lost the values {lost}")
        if self.direction == "request" and "enum" in new and "enum" not in old:
            yield self._change("was limited to a list of values")

    def _limits(self, old: Node, new: Node) -> Iterator[Change]:
        narrow, wide = (old, new) if self.direction == "request" else (new, old)
        for limit, sign in (*((n, 1) for n in _LOWER), *((n, -1) for n in _UPPER)):
            bound, inner = wide.get(limit), narrow.get(limit)
            if bound is not None and (inner is None or sign * inner < sign * bound):
                yield self._change(f"changed its {limit} from {old.get(limit)} to {new.get(limit)}")
        for name in _UNCOUNTED:
            if old.get(name) != new.get(name):
                yield self._change(f"changed its {name} from {old.get(name)} to {new.get(name)}")
        if wide.get("additionalProperties", True) is False and (
            narrow.get("additionalProperties", True) is not False
        ):
            yield self._change("changed its additionalProperties")

    def _properties(self, old: Node, new: Node) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self._of(name)._schema(schema, after[name])
            else:
                yield self._of(name)._change(f"was removed from the {self.direction}")
        needed, still = set(old.get("required", ())), set(new.get("required", ()))
        if self.direction == "request":
            for name in sorted(still - needed):
                yield self._of(name)._change("became required")
        else:
            for name in sorted((needed - still) & after.keys()):
                yield self._of(name)._change("became optional")

    def _alternatives(self, schema: Node, *, old: bool) -> list[tuple[str, Node]]:
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = self._flat(schema, old=old)
        several = schema.get("oneOf") or schema.get("anyOf")
        if not several:
            return [(name, schema)]
        return [found for each in several for found in self._alternatives(each, old=old)]

    def _flat(self, schema: Node, *, old: bool) -> Node:
        """Resolve a reference, and merge the parts of `allOf` into one schema."""
        schema = self._old(schema) if old else self._new(schema)
        parts = [self._flat(part, old=old) for part in schema.get("allOf", ())]
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return reduce(_merged, parts, rest)

    def _old(self, node: Node) -> Node:
        return _resolved(self.old_document, node)

    def _new(self, node: Node) -> Node:
        return _resolved(self.new_document, node)

    def _of(self, subject: str) -> _Comparison:
        return replace(self, subject=subject)

    def _change(self, problem: str) -> Change:
        return Change(self.name, self.subject, problem)


def _resolved(document: Node, node: Node) -> Node:
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _merged(one: Node, other: Node) -> Node:
    return {
        **one,
        **other,
        "properties": {**one.get("properties", {}), **other.get("properties", {})},
        "required": [*one.get("required", ()), *other.get("required", ())],
    }

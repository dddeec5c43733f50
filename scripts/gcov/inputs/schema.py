"""The JSON schema of config/config.yaml, made from the keys declared in `settings`.

`python -m gcov.inputs.schema` (`make schema`) writes it to config/schema.yaml.
"""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from gcov.inputs.settings import Key, Settings, Shared

FILE = Path(__file__).parents[3] / "config" / "schema.yaml"
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
HEAD = "# Made by `make schema` from scripts/gcov/inputs/settings.py. Descriptions are the words of error messages.\n"


@cache
def schema() -> dict[str, Any]:
    """The whole schema. Its definitions are `aoi`, and each key that may stand at the top level and in an AOI."""
    shared, top = _properties(Shared), _properties(Settings)
    references = {key: {"$ref": f"#/$defs/{key}"} for key in shared}
    defaults = {key: {"default": entry.pop("default")} for key, entry in shared.items() if "default" in entry}
    aoi = top["aois"]["additionalProperties"]
    aoi["properties"] = {key: entry for key, entry in aoi["properties"].items() if key not in shared} | references
    top["aois"]["additionalProperties"] = {"$ref": "#/$defs/aoi"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "Configuration of NISAR GCOV time series",
        "type": "object",
        "additionalProperties": False,
        "required": ["aois"],
        "properties": top | {key: entry | defaults.get(key, {}) for key, entry in references.items()},
        "$defs": {"aoi": aoi, **shared},
    }


@cache
def text_keys() -> frozenset[str]:
    """The keys that hold text, or text and null, and nothing else."""
    groups = [part.get("properties", {}) | part.get("$defs", {}) for part in parts(schema())]
    return frozenset(key for group in groups for key, entry in group.items() if "string" in entry.get("type", ()))


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and every mapping inside of it."""
    yield schema
    for value in schema.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from parts(part)


def _properties(of: type) -> dict[str, Any]:
    """The schema of each key of a class, with its default."""
    defaults = dict(_defaults(of)) if is_dataclass(of) else {}
    keys = {name: _key(hint) for name, hint in get_type_hints(of, include_extras=True).items()}
    return {name: _schema_of(hint) | defaults.get(name, {}) for name, hint in keys.items() if hint}


def _key(hint: Any) -> Any:
    """The part of a field's type that a `Key` describes; None if it is no key."""
    members = get_args(hint) if _is_union(hint) else [hint]
    return next((member for member in members if get_origin(member) is Annotated), None)


def _defaults(of: type) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in fields(of):
        value = one.default if one.default_factory is MISSING else one.default_factory()
        if value is not MISSING:
            plain = list(value) if isinstance(value, tuple) else {} if is_dataclass(value) else value
            yield one.name, {"default": plain}


def _schema_of(hint: Any) -> dict[str, Any]:
    """The schema of a type."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Annotated:
        key: Key = inner[1]
        return {"description": key.description, **_schema_of(inner[0]), **key.limits}
    if _is_union(hint):
        members = [_schema_of(part) for part in inner]
        plain = all(set(member) == {"type"} for member in members)
        return {"type": [member["type"] for member in members]} if plain else {"anyOf": members}
    if kind is Literal:
        return {"enum": list(inner)}
    if kind in (list, tuple):
        return {"type": "array", "items": _schema_of(inner[0])}
    if kind is dict:
        names, items = map(_schema_of, inner)
        return {"type": "object", "propertyNames": names, "additionalProperties": items}
    if hint in TYPES:
        return {"type": TYPES[hint]}
    keys = _properties(hint)
    required = [key for key in keys if key in getattr(hint, "__required_keys__", ())]
    strict = {"type": "object", "additionalProperties": False, "properties": keys}
    return strict | ({"required": required} if required else {})


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)


class Plain(yaml.SafeDumper):
    """Writes equal parts again instead of referring to the first."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def text() -> str:
    """The content of config/schema.yaml."""
    return HEAD + yaml.dump(schema(), Dumper=Plain, sort_keys=False, width=120)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

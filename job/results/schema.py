"""The JSON Schema of metrics.json, for programs that read it. `python -m job.results` prints it.

Its number rises where a program that reads the fields of before would no longer find or understand one. A new field alone does
not raise it.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from job.results.metrics import SCHEMA_VERSION, Metrics
from job.results.result import Result

NAME = "metrics.schema.json"
"""In this folder, and so in the package."""


class _AsWritten(GenerateJsonSchema):
    """Of what is written: a number that is not finite becomes null."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {"type": ["number", "null"]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        return inner if "null" in inner.get("type", ()) else super().nullable_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """With what stands below each field in the source. Readers let a new field pass."""
        found = super().model_schema(schema)
        found.pop("additionalProperties", None)
        for kind in reversed(schema["cls"].__mro__):
            if issubclass(kind, Result):
                for name, text in _described(kind):
                    found["properties"][name] = {"description": text, **found["properties"][name]}
        return found

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Each is written, whether it has a default or not."""
        return True

    def field_title_should_be_set(self, schema: Any) -> bool:
        """They repeat the names."""
        return False


def _described(model: type[Result]) -> list[tuple[str, str]]:
    """(field, what it means) of those that the class itself adds."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = []
    for line, following in zip(tree.body, tree.body[1:], strict=False):
        match line, following:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(text))):
                if name in model.model_fields:
                    found.append((name, inspect.cleandoc(text)))
    return found


def metrics_schema() -> str:
    schema = Metrics.model_json_schema(mode="serialization", schema_generator=_AsWritten)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:lora-job:metrics:{SCHEMA_VERSION}",
        "title": f"metrics.json of lora-job, version {SCHEMA_VERSION}",
    }
    return json.dumps(head | {name: value for name, value in schema.items() if name not in head}, indent=2) + "\n"

"""The definitions of the kinds as the API server wants them, made from the models."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import yaml

from flagos_operator.api.definitions import (
    DEFINITIONS,
    GROUP,
    MODEL,
    VERSION,
    Definition,
)
from flagos_operator.api.reference import Page, reference
from flagos_operator.api.schema import Schema, structural_schema
from flagos_operator.api.shape import validation

SCHEMA_ANNOTATION = "flagos.io/schema"


def definition(of: Definition = MODEL) -> dict[str, Any]:
    schema = object_schema(of)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{of.plural}.{GROUP}",
            "annotations": {SCHEMA_ANNOTATION: digest(schema)},
        },
        "spec": {
            "group": GROUP,
            "scope": of.scope,
            "names": {
                "kind": of.kind,
                "listKind": f"{of.kind}List",
                "plural": of.plural,
                "singular": of.singular,
                "shortNames": [of.short],
                # `kubectl get flagos` shows what a namespace serves, not some fifty shipped rows.
                **({"categories": ["flagos"]} if of.scope == "Namespaced" else {}),
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [dict(each) for each in of.columns],
                    **({"subresources": dict(of.subresources)} if of.subresources else {}),
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def object_schema(of: Definition = MODEL) -> Schema:
    return {
        "description": of.about,
        "type": "object",
        "required": ["spec"],
        **({"x-kubernetes-validations": [validation(of.name)]} if of.name else {}),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(of),
            **(status_schema(of) if of.status else {}),
        },
    }


def spec_schema(of: Definition = MODEL) -> Schema:
    return structural_schema(of.spec) | {"description": of.means}


def status_schema(of: Definition) -> Schema:
    described = {"description": "What the operator has seen and concluded."}
    return {"status": structural_schema(of.status) | described} if of.status else {}


def digest(schema: Schema) -> str:
    canonical = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def as_yaml(of: Definition = MODEL) -> str:
    head = "# Generated from operator/flagos_operator/api by `flagos-operator crd`. Do not edit.\n"
    return head + yaml.safe_dump(definition(of), sort_keys=False, width=99, allow_unicode=True)


def as_reference() -> str:
    return reference(
        [Page(kind=each.kind, schema=object_schema(each)) for each in DEFINITIONS.values()]
    )

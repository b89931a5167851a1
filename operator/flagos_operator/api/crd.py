"""The definition of FlagOSModel as the API server wants it, made from the models."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flagos_operator.api.reference import reference
from flagos_operator.api.schema import Schema, structural_schema
from flagos_operator.api.shape import validation
from flagos_operator.api.spec import NAME, FlagOSModelSpec
from flagos_operator.api.status import FlagOSModelStatus

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

GROUP = "flagos.io"
VERSION = "v1alpha1"
KIND = "FlagOSModel"
PLURAL = "flagosmodels"
SCHEMA_ANNOTATION = "flagos.io/schema"

READY = '.status.conditions[?(@.type=="Ready")]'


def definition() -> dict[str, Any]:
    schema = object_schema()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "annotations": {SCHEMA_ANNOTATION: digest(schema)},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "flagosmodel",
                "shortNames": ["fom"],
                "categories": ["flagos"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": columns(),
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def columns() -> list[dict[str, Any]]:
    return [
        column("Phase", ".status.phase"),
        column("Ready", f"{READY}.status"),
        column("Chip", ".status.resolved.chip"),
        column("Stack", ".status.stack"),
        column("Progress", ".status.progress"),
        column("Reason", f"{READY}.reason"),
        column("URL", ".status.url") | WIDE,
        column("Image", ".status.resolved.image") | WIDE,
        column("Weights", ".status.weights.source") | WIDE,
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]


WIDE = {"priority": 1}


def column(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "type": "string", "jsonPath": path}


def object_schema() -> Schema:
    return {
        "description": "Serves one model: weights, server and Service in one object.",
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": [validation(NAME)],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(),
            "status": structural_schema(FlagOSModelStatus)
            | {"description": "What the operator has seen and concluded."},
        },
    }


def spec_schema() -> Schema:
    return structural_schema(FlagOSModelSpec) | {"description": "The model that is wanted."}


def digest(schema: Schema) -> str:
    canonical = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def as_yaml() -> str:
    head = "# Generated from operator/flagos_operator/api by `flagos-operator crd`. Do not edit.\n"
    return head + yaml.safe_dump(definition(), sort_keys=False, width=99, allow_unicode=True)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--check", type=Path, metavar="FILE", help="fail if FILE differs")
    parser.add_argument("--docs", action="store_true", help="the API reference instead")


def run(args: Namespace) -> int:
    text = reference(object_schema()) if args.docs else as_yaml()
    if args.check is None:
        sys.stdout.write(text)
        return 0
    if args.check.read_text() == text:
        return 0
    sys.stderr.write(
        f"{args.check} differs from the models: print it again with flagos-operator crd\n"
    )
    return 1

"""A release described in Croissant 1.1, with its responsible-AI (RAI) fields.

Public: the facts of a certificate and the declared schema, in another vocabulary; no
number is added. The JSON-LD is written by hand, so nothing has to be installed for it.

Source: the Croissant format specification 1.1 and the Croissant RAI specification 1.0
(MLCommons).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairveil.publish.labels import Labels, headline, text_of
from fairveil.schema import Column, Schema

VERSIONS = (
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
)
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_ENCODINGS: Mapping[str, str] = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".parquet": "application/x-parquet",
}
_FILE, _ROWS = "release", "rows"


def croissant(
    facts: Mapping[str, Any], schema: Schema, labels: Labels
) -> dict[str, Any]:
    """The JSON-LD of a release.

    Args:
        facts: of its certificate, which names the release's hash.
        schema: facts of its columns.
        labels: where it is found, and under which licence.
    """
    identity = facts["identity"]
    found: dict[str, Any] = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": list(VERSIONS),
        "name": labels.title(facts),
        "description": " ".join((*headline(facts), facts["mark_note"])),
        "license": labels.licence,
        "url": labels.url,
        "creator": {"@type": "sc:Organization", "name": identity["steward"]},
        "datePublished": identity["date"],
        "version": labels.version,
        "keywords": list(labels.tags(facts)),
        "isLiveDataset": False,
        "distribution": [_file(facts, labels)],
        "recordSet": [_record_set(schema)],
        **_responsible(facts),
    }
    if not identity["steward"]:
        del found["creator"]
    return {key: value for key, value in found.items() if value != ""}


def _file(facts: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    suffix = "." + labels.file.lower().rpartition(".")[2]
    return {
        "@type": "cr:FileObject",
        "@id": _FILE,
        "name": labels.file,
        "contentUrl": labels.file,
        "contentSize": f"{facts['data']['bytes']} B",
        "encodingFormat": _ENCODINGS.get(suffix, "application/octet-stream"),
        "sha256": facts["hashes"]["output"],
    }


def _record_set(schema: Schema) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": _ROWS,
        "name": _ROWS,
        "description": "Synthetic rows; none is a person.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{_ROWS}/{column.name}",
                "name": column.name,
                "description": _described(column),
                "dataType": _data_type(column),
                "source": {
                    "fileObject": {"@id": _FILE},
                    "extract": {"column": column.name},
                },
            }
            for column in schema.columns
        ],
    }


def _described(column: Column) -> str:
    missing = ", may be missing" if column.nullable else ""
    return f"{column.kind}{missing}"


def _data_type(column: Column) -> str:
    """Of Croissant; whole numbers that may be missing have no type of their own."""
    if column.kind == "numeric":
        whole = column.decimals == 0 and not column.nullable
        return "sc:Integer" if whole else "sc:Float"
    if column.kind == "boolean" and not column.nullable:
        return "sc:Boolean"
    return "sc:Text"


def _responsible(facts: Mapping[str, Any]) -> dict[str, Any]:
    fairness, uses = facts["fairness"], facts["uses"]
    named = ", ".join(fairness["sensitive"]) or "none were named"
    return {
        "rai:dataCollection": (
            "Drawn from a model that was fitted to a table of real rows; no row was "
            "collected or copied."
        ),
        "rai:dataCollectionType": "Synthetic: drawn from a model",
        "rai:personalSensitiveInformation": (
            f"Sensitive columns: {named}. No row is a person. "
            + facts["promise"]["sentence"]
        ),
        "rai:dataBiases": text_of(
            (
                fairness["promise"],
                *(f"Not given: {text}" for text in fairness["does_not_give"]),
            )
        ),
        "rai:dataLimitations": text_of(
            (
                *(entry["text"] for entry in facts["distortions"]),
                *(f"Not fit for: {text}" for text in uses["unfit"]),
                facts["choice"]["sentence"],
            )
        ),
        "rai:dataUseCases": text_of(
            (facts["identity"]["purpose"], *(f"Fit for: {t}" for t in uses["fit"]))
        ),
        "rai:dataReleaseMaintenancePlan": text_of(
            (
                f"Steward: {facts['identity']['steward'] or 'not stated'}.",
                facts["budget"]["ledger"]["sentence"],
            )
        ),
    }

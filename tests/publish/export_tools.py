"""Runs in the environment of the exports' own tools, where fairveil is not installed.

``python export_tools.py croissant FILE`` validates with mlcroissant and reads the rows;
``... dataset FILE`` and ``... model FILE`` load a card with huggingface_hub;
``... sdmetrics FOLDER`` makes SDV's two reports of ``real.csv``, ``synthetic.csv`` and
``metadata.json`` (the layout of one table) there. Prints one JSON value. Nothing here
asks a network.
"""

import json
import socket
import sys
from importlib import import_module
from pathlib import Path


def no_network(*_args, **_kwargs):
    raise OSError("a test asked the network")


socket.socket.connect = no_network
kind, path = sys.argv[1:]
if kind == "croissant":
    data = import_module("mlcroissant").Dataset(jsonld=path)
    issues = data.metadata.ctx.issues
    rows = list(data.records(record_set="rows"))
    said = {
        "errors": sorted(issues.errors),
        "warnings": sorted(issues.warnings),
        "rows": len(rows),
        "types": {
            key.split("/")[-1]: sorted({type(row[key]).__name__ for row in rows})
            for key in rows[0]
        },
        "sensitive": data.metadata.personal_sensitive_information,
        "biases": data.metadata.data_biases,
        "version": str(data.metadata.ctx.conforms_to),
    }
elif kind == "sdmetrics":
    pandas, reports = map(import_module, ("pandas", "sdmetrics.reports.single_table"))
    metadata = json.loads(Path(path, "metadata.json").read_text(encoding="utf-8"))
    tables = [pandas.read_csv(f"{path}/{name}.csv") for name in ("real", "synthetic")]
    said = {}
    for name in ("DiagnosticReport", "QualityReport"):
        report = getattr(reports, name)()
        report.generate(*tables, metadata, verbose=False)
        parts = report.get_properties().set_index("Property")["Score"].to_dict()
        details = [report.get_details(part) for part in parts]
        errors = [text for d in details if "Error" in d for text in d["Error"].dropna()]
        said[name] = {"score": report.get_score(), "errors": errors, **parts}
else:
    hub = import_module("huggingface_hub")
    card = (hub.DatasetCard if kind == "dataset" else hub.ModelCard).load(path)
    said = {"head": card.data.to_dict(), "text": card.text}
sys.stdout.write(json.dumps(said, default=str) + "\n")

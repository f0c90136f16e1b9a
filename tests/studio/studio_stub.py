"""Children that do as little as the desk needs, without JAX: a fit that waits."""

import csv
import json
import os
import signal
import sys
import time
from pathlib import Path


def draft(told):
    with Path(told["table"]).open(encoding="utf-8") as file:
        names = next(csv.reader(file))
    facts = {
        "kind": "categorical",
        "whole": False,
        "written": False,
        "different": 2,
        "missing": False,
    }
    return {
        "rows": 1500,
        "columns": [
            {
                "name": name,
                **facts,
                "unique": name == "email",
                "personal": "e-mail" if name == "email" else None,
            }
            for name in names
        ],
    }


def fit(words):
    """Write a checkpoint or a model as the environment says, or wait to be stopped."""

    def stopped(*_):
        sys.stderr.write("Interrupted. Nothing was spent.\n")
        sys.stderr.flush()
        os._exit(130)

    signal.signal(signal.SIGTERM, stopped)
    line = json.dumps({"stage": "marginals", "part": 0.5, "spent": "epsilon 0.4 of 1"})
    os.write(int(os.environ["FAIRVEIL_PROGRESS"]), f"{line}\n".encode())
    output = Path(words[words.index("-o") + 1])
    ending = os.environ.get("FAIRVEIL_STUB", "wait")
    if ending == "wait":
        time.sleep(60)
    if ending == "part":
        output.with_name(output.name + "-part").write_bytes(b"part")
        sys.exit("Error: the disk is full; try another.")
    output.write_bytes(b"model")


def main():
    kind = sys.argv[1]
    if kind == "fairveil":
        fit(sys.argv[2:])
        return
    told = json.loads(sys.stdin.read())
    made = {"columns": [], "certificate": {}}
    sys.stdout.write(json.dumps(draft(told) if sys.argv[2] == "draft" else made))


if __name__ == "__main__":
    main()

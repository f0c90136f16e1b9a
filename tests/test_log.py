"""Events for operators: what they say, and what they may never say."""

import json
import logging
import math
import re

from typer.testing import CliRunner

from fairveil import _log
from fairveil.cli import app
from fairveil.synthesizer import FairVeil
from fairveil.tables.files import write_table


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_a_line_without_any_time(tmp_path):
    path = tmp_path / "log"
    with _log.listening(_log.JsonLines(path)):
        _log.tell("it happened", stage="vae", epsilon=math.inf)
        logging.getLogger("fairveil").warning("a text that nobody has checked")
        logging.getLogger("fairveil.other").info("so is this")
    assert lines(path) == [{"event": "it happened", "stage": "vae", "epsilon": "inf"}]
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_are_appended_and_the_logger_is_left_as_it_was(tmp_path):
    before = (_log.LOGGER.level, list(_log.LOGGER.handlers))
    for _ in range(2):
        with _log.listening(_log.JsonLines(tmp_path / "log")):
            _log.tell("x")
    assert len(lines(tmp_path / "log")) == 2
    assert (_log.LOGGER.level, list(_log.LOGGER.handlers)) == before


def test_nothing_is_shown_where_nobody_listens(capfd):
    _log.tell("x", epsilon=1)
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_stops_nothing():
    with _log.listening(_log.JsonLines("/dev/full")):
        _log.tell("x")


def test_a_fit_tells_its_mechanisms_and_no_row(tmp_path, tiny_fits, tiny_table):
    settings = {"fairness": None, "generator": "decoder", "epsilon": 50.0}
    table = tiny_table[["sex", "member"]]
    with _log.listening(_log.JsonLines(tmp_path / "log")):
        FairVeil(**settings).fit(table, checkpoint=tmp_path / "part")
    told = lines(tmp_path / "log")
    events = [line["event"] for line in told]
    assert events[0] == "budget opened"
    assert events[-3:] == ["budget closed", "checkpoint written", "release made"]
    paid = [line for line in told if line["event"] == "mechanism authorised"]
    assert [p["stage"] for p in paid][:2] == ["rows", "discovery"]
    spent = [p["rho_spent"] for p in paid]
    assert spent == sorted(spent)
    assert 0.9 < spent[-1] / paid[-1]["rho_cap"] <= 1.0
    text = (tmp_path / "log").read_text()
    assert not re.search(r"\b(f|m|400|member|sex|True)\b", text)
    untimed = {"seconds", "at", "time", "created", "duration"}
    for line in told[:-1]:  # the last is the release's, which sees no row
        assert not untimed & line.keys()
    assert told[-1]["seconds"] >= 0


def test_a_command_logs_what_it_did_and_its_exit_code(tmp_path, tiny_table):
    write_table(tiny_table, tmp_path / "t.csv")
    args = ("schema", str(tmp_path / "t.csv"), "-o", str(tmp_path / "s.json"))
    log = str(tmp_path / "log")
    for more, code in (((), 0), (("--declared-by", "me"), 2)):
        done = CliRunner().invoke(app, ["--log-json", log, *args, *more])
        assert done.exit_code == code
    found = lines(tmp_path / "log")
    kinds = [line["event"] for line in found]
    began, failed = "command began", "command failed"
    assert kinds == [began, "command ended", began, failed, "command ended"]
    assert set(found[0]["versions"]) == {"fairveil", "jax", "numpy", "pandas"}
    assert [line.get("exit_code") for line in found] == [None, 0, None, None, 2]
    assert found[3]["kind"] == "ConfigError"
    assert "north" not in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_written_is_one_line(tmp_path):
    log = str(tmp_path / "none" / "log")
    done = CliRunner().invoke(app, ["--log-json", log, "ledger", "show", "x"])
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: the folder of the log does not exist; "
        f"got '{tmp_path / 'none'}'; try a folder that does.\n"
    )

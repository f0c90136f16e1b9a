"""No network, ever: nothing that could open a connection is imported or called."""

import ast
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairveil.cli import app
from fairveil.tables.files import write_table

ROOT = Path(__file__).resolve().parents[1] / "src" / "fairveil"
WAYS = {"socket", "ssl", "urllib", "http", "ftplib", "smtplib", "xmlrpc", "asyncio"}
WAYS |= {"requests", "httpx", "aiohttp", "urllib3", "websockets", "fsspec", "boto3"}
WAYS |= {"socketserver", "webbrowser", "telnetlib", "paramiko", "uvicorn", "anyio"}
LISTENS = {("studio/server.py", "uvicorn")}  # on 127.0.0.1 alone; connects nowhere


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_no_module_imports_a_way_out():
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in ROOT.rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] in WAYS and name != "urllib.parse"  # only text
    }
    assert found == LISTENS


@pytest.fixture
def cut_off(monkeypatch):
    """Whatever would open a connection, or ask for an address, fails the test."""
    tried = []

    def refuse(*args, **_):
        tried.append(args)
        raise OSError("there is no network here")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    return tried


def test_the_block_works(cut_off):
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("127.0.0.1", 9))
    assert len(cut_off) == 1


@pytest.mark.slow
def test_a_fit_a_sample_and_an_evaluation_need_no_network(
    cut_off, tiny_fits, tiny_table, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_table(tiny_table[["sex", "member"]], "t.csv")
    sensitive = ("--sensitive", "sex")
    made = ("--fairness", "redraw", "--generator", "decoder")
    for command in (
        ("schema", "t.csv", "-o", "s.json", "--declare-public"),
        ("fit", "t.csv", "--schema", "s.json", "-o", "m.fairveil", *sensitive, *made),
        ("sample", "m.fairveil", "-n", "200", "-o", "r.csv"),
        ("evaluate", "t.csv", "r.csv", *sensitive, "--target", "member"),
    ):
        done = CliRunner().invoke(app, list(command))
        assert done.exit_code == 0, done.stderr
    assert cut_off == []

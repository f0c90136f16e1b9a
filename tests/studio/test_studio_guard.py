"""Who may talk to the studio: every request that a page of its own did not make."""

import http.client
import re

import httpx
import pytest

from fairveil.studio import app, pages
from fairveil.studio.guard import MOST_BODY, REFUSED
from fairveil.studio.server import HOST, Studio


@pytest.fixture
def client(studio):
    _server, address = studio
    with httpx.Client(base_url=address) as client:
        yield client


def own(client):
    """Headers of a form on a page of the studio."""
    base = client.base_url
    return {"Origin": f"{base.scheme}://{base.host}:{base.port}"}


def test_the_whole_address_is_needed(studio, client):
    server, _ = studio
    assert client.get("budget").status_code == 200
    root = f"http://{client.base_url.host}:{client.base_url.port}"
    wrong = "x" * len(server.token)
    for path in ("/", "/budget", f"/{wrong}/budget", f"/{server.token[:-1]}/", "//"):
        answer = httpx.get(root + path)
        assert (answer.status_code, answer.text) == (403, REFUSED), path
        assert server.token not in answer.text


def test_each_server_has_a_token_of_its_own(desk):
    first, second = Studio(desk), Studio(desk)
    assert first.token != second.token
    assert len(first.token) >= 40


def test_a_name_that_was_rebound_to_this_machine_gets_nothing(client):
    port = client.base_url.port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "[::1]", ""):
        assert client.get("budget", headers={"Host": host}).status_code == 403, host
    named = client.get("budget", headers={"Host": f"localhost:{port}"})
    assert named.status_code == 200


@pytest.mark.parametrize("path", ["table", "confirm", "stop", "report", "browse"])
def test_only_a_page_of_its_own_may_post(client, path):
    for headers in (
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": f"http://127.0.0.1:{client.base_url.port + 1}"},
        {**own(client), "Sec-Fetch-Site": "cross-site"},
        {**own(client), "Sec-Fetch-Site": "same-site"},
    ):
        answer = client.post(path, data={"a": "b"}, headers=headers)
        assert answer.status_code == 403, headers


def test_a_form_is_a_plain_form_of_bounded_size(client):
    mine = own(client)
    assert client.post("browse", json={"a": 1}, headers=mine).status_code == 415
    large = {"a": "b" * (MOST_BODY + 1)}
    assert client.post("browse", data=large, headers=mine).status_code == 413
    plain = {**mine, "Content-Type": "application/x-www-form-urlencoded"}
    pieces = client.post("browse", content=iter([b"a=b"]), headers=plain)
    assert pieces.status_code == 411
    assert client.put("browse", data={"a": "b"}, headers=mine).status_code == 405
    many = "&".join(f"a{i}=1" for i in range(30_000))
    assert client.post("browse", content=many, headers=plain).status_code == 422


def test_there_are_no_websockets(studio, client):
    server, _ = studio
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade"}
    handshake |= {"Sec-WebSocket-Key": "a" * 24, "Sec-WebSocket-Version": "13"}
    for token in (server.token, "wrong"):
        line = http.client.HTTPConnection(HOST, client.base_url.port, timeout=60)
        line.request("GET", f"/{token}/progress", headers=handshake)
        assert line.getresponse().status == 403
        line.close()


def test_every_answer_forbids_what_could_carry_it_away(client):
    for path in ("budget", "static/studio.js", "nothing", "progress"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
        assert not {"set-cookie", "server"} & set(headers), path


def test_no_page_names_another_host_or_runs_a_line_of_script(client, desk):
    steps = pages.reachable(desk)
    assert steps == pages.SHOWN
    for step in steps:
        text = client.get(step).text
        assert not re.findall(r"https?://", text), step
        assert not re.findall(r"<script(?![^>]*\ssrc=\"static/)|\son\w+=", text), step


def test_only_files_of_a_release_are_given(client, desk, table):
    for path in ("file/1/release", "file/1/../../people.csv", "static/../desk.py"):
        assert client.get(path).status_code in (403, 404), path
    folder = desk.place.release(1)
    folder.mkdir()
    (folder / "certificate.json").write_text("{}", encoding="utf-8")
    (folder / "synthetic.csv").write_text("a\n1\n", encoding="utf-8")
    assert client.get("file/1/release").text == "a\n1\n"
    assert client.get("file/1/report").status_code == 404  # it was not made
    assert client.get("file/1/people.csv").status_code == 404


def test_a_fault_shows_no_text_and_logs_none(studio, client, monkeypatch, capfd):
    def fail(*_):
        raise RuntimeError("cell vexmarch")

    monkeypatch.setattr(pages, "context", fail)
    answer = client.get("budget")
    assert answer.status_code == 500
    assert app._HIDDEN.split(".")[0] in answer.text
    out, err = capfd.readouterr()
    assert "vexmarch" not in answer.text + out + err


def test_it_listens_on_this_machine_alone(studio):
    server, address = studio
    (listening,) = server._server.servers[0].sockets
    assert listening.getsockname()[0] == "127.0.0.1"
    assert address.startswith("http://127.0.0.1:")

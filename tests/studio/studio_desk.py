"""What several tests of the studio do with a desk or a server."""

import time


def answered(desk, epsilon="1"):
    """All answers up to the confirmation."""
    desk.answer("unit", {"person": ["row"]})
    desk.answer("columns", {"anew": ["email"], "facts": ["budget"]})
    desk.answer("roles", {"role-1": ["sensitive"], "target": ["yes"]})
    desk.answer("readers", {"readers": ["public"], "name": ["People of 2026"]})
    numbers = {"epsilon": [epsilon], "delta": ["1e-5"], "cap": [epsilon]}
    desk.answer("budget", {**numbers, "rows": ["1500"]})


def posted(client, path, form):
    """Send a form as a page of the studio would."""
    base = client.base_url
    origin = f"{base.scheme}://{base.host}:{base.port}"
    return client.post(path, data=form, headers={"Origin": origin})


def wait(ready, seconds=180.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)

"""What the commands make of the running daemon's answers."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from dialer.cli import client
from dialer.kernel.errors import AwayError, DialerError, RefusedError


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Ask a daemon that answers with a status and a text."""
    said = {}

    class Daemon(BaseHTTPRequestHandler):
        def do_POST(self):
            body = said["text"].encode()
            self.send_response(said["status"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("DIALER_API__TOKEN", "a" * 40)
    with HTTPServer(("127.0.0.1", 0), Daemon) as server:
        (tmp_path / "dialer.toml").write_text(f"[api]\nport = {server.server_port}\n")
        Thread(target=server.serve_forever, daemon=True).start()

        def run(status, text):
            said.update(status=status, text=text)
            return client.ask(tmp_path / "dialer.toml", "POST", "/api/v1/ledger", {})

        yield run
        server.shutdown()


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("text", [json.dumps({"title": "the record is away", "remedy": "start it"}), "<html>", "{}"])
def test_a_daemon_that_cannot_now_is_away_whatever_it_was_asked(ask, status, text):
    with pytest.raises(AwayError) as caught:
        ask(status, text)
    assert caught.value.remedy


def test_what_the_daemon_refuses_is_said_in_its_words(ask):
    with pytest.raises(DialerError, match="no such flag") as caught:
        ask(422, json.dumps({"title": "no such flag", "remedy": "name another"}))
    assert (type(caught.value), caught.value.remedy) == (DialerError, "name another")
    with pytest.raises(RefusedError):
        ask(401, "{}")
    assert ask(200, '{"id": "x"}') == {"id": "x"}

"""Whether something answers at a tracking URI, asked of real ports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.study.tracking_uri import shown, sqlite_file
from pipeline.tracking.store import unreachable


@contextmanager
def _server(code: int) -> Iterator[int]:
    """A server that answers every question with ``code``; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """In silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        *((200, None), (401, None), (403, "answers 403 Forbidden when asked for /health")),
        *((404, "answers 404 Not Found when asked for /health"), (503, "answers 503 Service Unavailable when asked")),
    ],
)
@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}/", "http://me:secret@127.0.0.1:{port}/prefix"])
def test_a_server_is_asked_for_its_health(uri: str, code: int, problem: str | None) -> None:
    with _server(code) as port:
        found = unreachable(uri.format(port=port))
    assert found is None if problem is None else (found or "").startswith(problem)


def test_nobody_answers_at_a_closed_port() -> None:
    with _server(200) as port:
        pass
    assert "refused" in (unreachable(f"http://127.0.0.1:{port}") or "")
    assert "refused" in (unreachable(f"postgresql+psycopg2://me:x@127.0.0.1:{port}/mlflow") or "")


def test_a_database_is_reached_when_its_port_is_open() -> None:
    with _server(200) as port:
        assert unreachable(f"mysql://127.0.0.1:{port}/mlflow") is None


@pytest.mark.parametrize("uri", ["http://[::1", "http://host:port"])
def test_what_is_no_address_is_called_so(uri: str) -> None:
    assert (unreachable(uri) or "").startswith("is no address: ")


@pytest.mark.parametrize("uri", ["sqlite:////nowhere/x.db", "databricks", "databricks://profile"])
def test_of_other_stores_nothing_is_said(uri: str) -> None:
    assert unreachable(uri) is None


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("http://me:secret@host:5000/x@y", "http://***@host:5000/x@y"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
    ],
)
def test_a_password_is_not_shown(uri: str, text: str) -> None:
    assert shown(uri) == text


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:///x/y.db", "x/y.db"),
        ("sqlite:////a/y.db?timeout=5", "/a/y.db"),
        ("sqlite+pysqlite:////a.db", "/a.db"),
        ("sqlite://", None),
        ("http:///x", None),
    ],
)
def test_the_file_of_a_sqlite_store(uri: str, file: str | None) -> None:
    assert sqlite_file(uri) == file

"""Points of many runs, fetched together: the same as MLflow gives one by one, or none."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Run
from stores import store

from pipeline.tracking.content import Point
from pipeline.tracking.histories import RUNS_A_CALL, known_histories

VALUES = (0.1 + 0.2, 5e-324, math.nan, math.inf, -math.inf, 0.0)


def _made(client: MlflowClient, runs: int) -> list[Run]:
    """Runs of the metric ``a/b c``, the last of ``last`` too: each value at a step, the first at two times."""
    experiment = client.create_experiment("e")
    ids = [client.create_run(experiment).info.run_id for _ in range(runs)]
    points = [(value, 1000 + step, step) for step, value in enumerate(VALUES)] + [(VALUES[0], 2000, 0)]
    for run_id in ids:
        client.log_batch(run_id, [Metric("a/b c", *point) for point in points])
    client.log_metric(ids[-1], "last", 1.0)
    return list(client.search_runs([experiment]))


def test_they_are_what_the_server_gives_one_by_one(tmp_path: Path) -> None:
    with store("server", tmp_path) as uri:
        client = MlflowClient(uri)
        runs = _made(client, RUNS_A_CALL)
        known = known_histories(client, runs)
        assert len(known) == RUNS_A_CALL + 1
        for run_id, key in [(runs[0].info.run_id, "last"), *((run.info.run_id, "a/b c") for run in runs[:3])]:
            history = client.get_metric_history(run_id, key)
            assert len(history) == (1 if key == "last" else len(VALUES) + 1)
            assert known[run_id, key] == {Point(p.key, p.value, p.timestamp, p.step).comparable() for p in history}


def test_a_database_is_not_asked_so(tmp_path: Path) -> None:
    with store("sqlite", tmp_path) as uri:
        client = MlflowClient(uri)
        assert known_histories(client, _made(client, 1)) == {}


@contextmanager
def _answering(status: int, kind: str, body: bytes) -> Iterator[str]:
    """The address of a server that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [(404, "text/html", b"no such page"), (403, "application/json", b"{}"), (200, "text/html", b"<h1>Sign in</h1>")],
    ids=["unknown", "refused", "a page"],
)
def test_a_server_that_does_not_answer_that_tells_nothing(tmp_path: Path, status: int, kind: str, body: bytes) -> None:
    with store("sqlite", tmp_path) as uri:
        runs = _made(MlflowClient(uri), 1)
    with _answering(status, kind, body) as address:
        assert known_histories(MlflowClient(address), runs) == {}

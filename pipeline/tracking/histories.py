"""Points of many runs in few questions: over HTTP, each costs more than its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from pipeline.tracking.content import Point

RUNS_A_CALL = 50
"""Their ids stand in a request's address, of which some servers take no more than 4 KB."""

_PLACE = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"

_OK = 200

Comparable = tuple[str, float | None, int, int]
"""``Point.comparable``."""


def known_histories(client: MlflowClient, runs: Sequence[Run]) -> Mapping[tuple[str, str], set[Comparable]]:
    """Run id and metric -> its points, of at most ``RUNS_A_CALL`` runs, as far as they are told of together.

    It is asked where MLflow's own pages ask, which is documented nowhere: a server may not know the place, refuse it,
    or leave out what is too much. So what is missing here says nothing; ``MlflowClient.get_metric_history`` does. A
    database that is asked without a server in between answers that one as fast.
    """
    assert len(runs) <= RUNS_A_CALL
    if not client.tracking_uri.startswith("http"):
        return {}
    known: dict[tuple[str, str], set[Comparable]] = {}
    for key in sorted({key for run in runs for key in run.data.metrics}):
        answer = _asked(client, key, [run.info.run_id for run in runs if key in run.data.metrics])
        if answer is None:
            break
        for each in answer:
            point = Point(key, each["value"], each["timestamp"], each["step"])
            known.setdefault((each["run_id"], key), set()).add(point.comparable())
    return known


def _asked(client: MlflowClient, key: str, run_ids: Sequence[str]) -> Iterable[Mapping[str, Any]] | None:
    """None where the server does not answer that."""
    answer = http_request(  # type: ignore[no-untyped-call]
        get_default_host_creds(client.tracking_uri),  # type: ignore[no-untyped-call]
        _PLACE,
        "GET",
        params={"metric_key": key, "run_id": run_ids},
        raise_on_status=False,
    )
    # In front of a server may be what shows a page to sign in to.
    tells = answer.status_code == _OK and "json" in answer.headers.get("Content-Type", "")
    return list(answer.json()["metrics"]) if tells else None

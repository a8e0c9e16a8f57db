"""Credentials are taken out of texts, and refused where they would be recorded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from study_text import ONE_SET, plan_of, refusal

from dsn.errors import InvalidInput
from pipeline.redaction import RedactedStream, redacted
from pipeline.study.spec import read_study
from pipeline.study.tracking_uri import filled_in
from pipeline.trial.outcome import TrialError
from pipeline.workspace.record import make_record, record_text

ENVIRONMENT = {
    "DB_PASSWORD": "opensesame",
    "API_TOKEN": "sesame/öpen",
    "AWS_SECRET_ACCESS_KEY": "opensesame-street",
    "SHORT_TOKEN": "abc",
    "KEYBOARD": "qwertz-layout",
    "lower_secret": "whispered",
}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("at http://me:pw@host:5000/x@y", "at http://***@host:5000/x@y"),
        ("http://me:p@ss@host and https://token@b", "http://***@host and https://***@b"),
        ("postgresql+psycopg2://u:p@h/db?sslmode=require", "postgresql+psycopg2://***@h/db?sslmode=require"),
        ("postgresql://h/db?user=u&password=p1&x=2", "postgresql://h/db?user=u&password=***&x=2"),
        ("http://${NAME}:${WORD}@host", "http://${NAME}:${WORD}@host"),
        ("http://${NAME}:word@host", "http://***@host"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
        ("mail me@host.org", "mail me@host.org"),
        ("it said opensesame!", "it said ***!"),
        ("it said opensesame-street", "it said ***"),
        (r"sesame%2F%C3%B6pen and sesame/\u00f6pen and sesame/öpen", "*** and *** and ***"),
        ("whispered", "***"),
        ("abc qwertz-layout", "abc qwertz-layout"),
    ],
)
def test_a_text_without_its_credentials(text: str, clean: str) -> None:
    assert redacted(text, ENVIRONMENT) == clean
    assert redacted(clean, ENVIRONMENT) == clean


def test_what_a_trial_raises_is_redacted_where_it_becomes_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSN_TEST_TOKEN", "hunter2hunter2")
    error = TrialError(kind="exception", message="no: hunter2hunter2", traceback="at\nftp://u:p@h: hunter2hunter2")
    assert (error.message, error.traceback) == ("no: ***", "at\nftp://***@h: ***")


def test_a_stream_of_another_program_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSN_TEST_SECRET", "hunter2hunter2")
    below = io.StringIO()
    print("hunter2hunter2", "http://u:p@h", file=RedactedStream(below))
    assert below.getvalue() == "*** http://***@h\n"


@pytest.mark.parametrize(
    "uri",
    ["http://me:hunter2@h:5000", "http://hunter2@h", "http://${NAME}:hunter2@h", "postgresql://h/db?password=hunter2"],
)
def test_credentials_in_a_study_file_are_refused_with_their_line_and_not_repeated(tmp_path: Path, uri: str) -> None:
    error, place = refusal(tmp_path, ONE_SET + f'tracking: {{uri: "{uri}"}}\n')
    assert (place, error.key) == ("4:12", "tracking.uri")
    assert "MLFLOW_TRACKING_PASSWORD" in str(error)
    assert "hunter2" not in str(error)


def test_variables_in_a_tracking_uri_are_recorded_as_they_stand_and_filled_in_at_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSN_TEST_WORD", "hunter2")
    uri = "http://${DSN_TEST_NAME}:${DSN_TEST_WORD}@host"
    file = tmp_path / "study.yaml"
    plan = plan_of(tmp_path, ONE_SET + f'question: "of http://u:hunter2@h"\ntracking: {{uri: "{uri}"}}\n')
    text = record_text(make_record(read_study(file), plan))
    assert uri in text
    assert "hunter2" not in text
    with pytest.raises(InvalidInput, match="environment variable DSN_TEST_NAME is not set"):
        filled_in(uri)
    assert filled_in(uri, {"DSN_TEST_NAME": "me", "DSN_TEST_WORD": "pw"}) == "http://me:pw@host"
    assert filled_in("${A}", {"A": "databricks"}) == "databricks"
    with pytest.raises(InvalidInput, match="is no URI of an MLflow store once it is filled in"):
        filled_in("${A}", {"A": "ftp://x"})


@pytest.mark.parametrize("path", ["${DSN_TEST_TOKEN}/sets", "hunter2hunter2/sets"])
def test_a_secret_in_the_path_of_data_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("DSN_TEST_TOKEN", "hunter2hunter2")
    error, place = refusal(tmp_path, f"name: s\ndata:\n  - {{source: npz, path: '{path}', names: [A]}}\n")
    assert place == "3:19"
    assert "DSN_TEST_TOKEN" in str(error)
    assert "hunter2" not in str(error)

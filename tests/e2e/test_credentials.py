"""Planted credentials are nowhere after a real run: not in the workspace, nor in MLflow, a bundle, or Ray's logs."""

from __future__ import annotations

import json
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from mlflow import MlflowClient
from stores import Server, running

PLANT = '''
import importlib.util, os, sys

class Plant:
    """Trains nothing: every trial raises, with credentials in what it says."""

    def find_spec(self, name, path=None, target=None):
        if name != "dsn.training":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        def planted(module):
            execute(module)
            def epochs(self):
                raise RuntimeError(f"{os.environ['DSN_TEST_TOKEN']} at ftp://me:secret-in-an-error@host")
                yield
            module.Training.epochs = epochs
        spec.loader.exec_module = planted
        return spec

sys.meta_path.insert(0, Plant())
'''

PLANTED = {
    "DSN_TEST_WORD": "secret-in-the-uri",
    "DSN_TEST_PASSWORD": "secret-password",
    "DSN_TEST_TOKEN": "secret-token",
    "DSN_TEST_KEY": "secret-key",
    "DSN_TEST_NAME": "secret-name",
}


def _found(content: bytes) -> list[str]:
    secrets = [*PLANTED.values(), "secret-in-an-error", "secret-in-a-comment", "secret-in-a-line"]
    return [secret for secret in secrets if secret.encode() in content]


def _grep(folder: Path) -> dict[str, list[str]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {str(path): found for path in files if (found := _found(path.read_bytes()))}


def test_planted_credentials_are_nowhere(bench, tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    planted = tmp_path_factory.mktemp("planted")
    (planted / "sitecustomize.py").write_text(PLANT, encoding="utf-8")
    with ExitStack() as held:
        server = held.enter_context(running(Server(tmp_path_factory.mktemp("server"))))
        uri = server.uri.replace("//", "//me:${DSN_TEST_WORD}@").replace("me:", "${DSN_TEST_NAME}:")
        # Ray's sockets allow no long path.
        ray_logs = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="dsn-")))
        tell = ["/bin/sh", "-c", "echo $DSN_TEST_TOKEN at http://me:secret-in-a-line@host; exit 1"]
        more = f"on_finish: {json.dumps(tell)}\ntracking: {{uri: '{uri}'}}\n"
        more += "# http://me:secret-in-a-comment@host and secret-key\n"
        bench.write_study(epochs=1, seeds=1, more=more)
        with monkeypatch.context() as only_there:
            only_there.syspath_prepend(str(planted))
            only_there.setenv("PYTHONPATH", f"{planted}:{Path.cwd()}")
            only_there.setenv("RAY_TMPDIR", str(ray_logs))
            ran = bench.dsn("run", "tiny.yaml", expect=3)
        said = [ran, bench.dsn("status", "tiny", "--failed"), bench.dsn("export", "tiny", "--bundle", "tiny.zip")]
        assert [_found((each.stdout + each.stderr).encode()) for each in said] == [[], [], []]
        assert "*** at ftp://***@host" in said[1].stdout
        assert "dsn: on_finish: /bin/sh ended with code 1: *** at http://***@host" in ran.stderr
        assert _grep(bench.workspace) == {}
        assert _grep(ray_logs) == {}
        with zipfile.ZipFile(bench.folder / "tiny.zip") as bundle:
            assert {name: found for name in bundle.namelist() if (found := _found(bundle.read(name)))} == {}
        client = MlflowClient(server.uri)
        experiment = client.get_experiment_by_name("tiny")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        # All of it did arrive, by the address with the credentials.
        assert sorted(run.info.status for run in runs) == ["FAILED"] * 3
        assert any("*** at ftp://***@host" in run.data.tags.get("error.message", "") for run in runs)
    assert _grep(server.folder) == {}

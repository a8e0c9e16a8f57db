"""The files by which clusters are set up are what Ray, Kubernetes and a shell take; they agree with one another."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "cluster"
LAUNCHED = ("ray_cluster.yaml", "docs/cluster/ray_cluster.aws.yaml")
MAPPED_PORTS = {"gcs-server": 6379, "dashboard": 8265, "client": 10001}


def _read(name: str) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return settings


def _kubernetes(kind: str) -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((FOLDER / "kuberay.yaml").read_text(encoding="utf-8"))
    return [each for each in documents if each["kind"] == kind]


def _ray_version() -> str:
    (version,) = re.findall(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return str(version)


@pytest.mark.parametrize("name", LAUNCHED)
def test_ray_accepts_it_as_ray_up_does(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(_read(name))
    validate_config(prepared)
    assert prepared["head_node_type"] in prepared["available_node_types"]


def test_ray_refuses_a_key_that_it_does_not_know() -> None:
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(ValidationError, match="setup_comands"):
        validate_config(prepare_config(_read("ray_cluster.yaml") | {"setup_comands": []}))


@pytest.mark.parametrize("name", LAUNCHED)
def test_every_start_asks_for_the_token_and_every_command_is_one_of_a_shell(name: str) -> None:
    settings = _read(name)
    assert settings["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    starts = [*settings["head_start_ray_commands"], *settings["worker_start_ray_commands"]]
    for command in [*starts, *settings["setup_commands"]]:
        subprocess.run(["bash", "-n", "-c", command], check=True)
    assert [command for command in starts if "ray start" in command and "RAY_AUTH_MODE=token" not in command] == []
    assert sum("ray start" in command for command in starts) == 2


def test_the_workers_of_the_local_provider_are_all_kept() -> None:
    from ray.autoscaler._private.util import prepare_config

    (kind,) = prepare_config(_read("ray_cluster.yaml"))["available_node_types"].values()
    assert kind["min_workers"] == kind["max_workers"] == len(_read("ray_cluster.yaml")["provider"]["worker_ips"])


def test_the_machines_of_the_cloud_are_there_for_all_of_the_run() -> None:
    settings = _read("docs/cluster/ray_cluster.aws.yaml")
    gpus = settings["available_node_types"]["gpus"]
    assert gpus["min_workers"] == gpus["max_workers"] == settings["max_workers"]
    assert settings["available_node_types"]["head"]["resources"] == {"CPU": 0, "GPU": 0}


def test_kubernetes_gets_a_cluster_of_this_version_with_a_token_and_gpus() -> None:
    (cluster,) = _kubernetes("RayCluster")
    spec = cluster["spec"]
    assert cluster["apiVersion"] == "ray.io/v1"
    assert spec["rayVersion"] == _ray_version()
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0", "num-gpus": "0"}, "Ray takes texts alone"
    (group,) = spec["workerGroupSpecs"]
    assert group["replicas"] == group["minReplicas"] == group["maxReplicas"]
    (worker,) = group["template"]["spec"]["containers"]
    assert int(worker["resources"]["limits"]["nvidia.com/gpu"]) > 1
    assert worker["resources"]["limits"] == worker["resources"]["requests"]


def test_the_pods_share_an_image_and_the_place_of_the_data_and_mount_what_they_claim() -> None:
    (cluster,) = _kubernetes("RayCluster")
    claims = {each["metadata"]["name"] for each in _kubernetes("PersistentVolumeClaim")}
    (group,) = cluster["spec"]["workerGroupSpecs"]
    pods = [each["template"]["spec"] for each in (cluster["spec"]["headGroupSpec"], group)]
    (head,), (worker,) = (pod["containers"] for pod in pods)
    assert head["image"] == worker["image"]
    assert {port["name"]: port["containerPort"] for port in head["ports"]} == MAPPED_PORTS
    for pod, container in zip(pods, (head, worker), strict=True):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounted) == set(volumes)
        claimed = [volume["persistentVolumeClaim"] for volume in volumes.values() if "emptyDir" not in volume]
        assert {claim["claimName"] for claim in claimed} <= claims
        environment = {each["name"]: each["value"] for each in container["env"]}
        assert environment["DSN_DATA"] == mounted["data"] == "/data"


def test_the_image_has_the_version_of_ray_that_is_installed_everywhere_else() -> None:
    (image,) = re.findall(r"^FROM (\S+)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert image == f"rayproject/ray:{_ray_version()}-py311-gpu"

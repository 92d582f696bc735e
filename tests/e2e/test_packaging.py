# What packaging/ ships works as it is written: units that systemd takes, manifests whose settings the program takes.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import re
import subprocess

import pytest
import yaml
from harness import ROOT, SLOW, run

PACKAGING = ROOT / "packaging"
MANIFESTS = sorted(PACKAGING.glob("kubernetes/*.yaml"))


def load(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def containers(documents):
    """Each container with the pod that it is in and its environment, as Kubernetes would put it together."""
    maps = {d["metadata"]["name"]: d.get("data") or d.get("stringData") for d in documents if d["kind"] in ("ConfigMap", "Secret")}
    for document in documents:
        if document["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = document["spec"]["template"]["spec"]
        for container in pod["containers"]:
            env = {}
            for source in container.get("envFrom", []):
                env.update(maps[source["configMapRef"]["name"]])
            for entry in container["env"]:
                secret = entry.get("valueFrom", {}).get("secretKeyRef")
                env[entry["name"]] = maps[secret["name"]][secret["key"]] if secret else entry["value"]
            yield document, pod, container, env


def setting_names(home):
    return {row["name"] for row in json.loads(run(home, "config", "--json").out)}


def test_there_are_manifests_for_both_set_ups():
    assert [path.name for path in MANIFESTS] == ["nats.yaml", "standalone.yaml"]
    roles = {env.get("DIFF_ROLE", "all") for path in MANIFESTS for *_, env in containers(load(path))}
    assert roles == {"all", "api", "worker"}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifest_settings_are_settings(tmp_path, path):
    """Every variable is one of the table, every value a text, and the program finds no fault in them together."""
    names = setting_names(tmp_path)
    found = list(containers(load(path)))
    assert found
    for _, _, container, env in found:
        assert all(isinstance(value, str) for value in env.values()), env
        assert set(env) <= names, set(env) - names
        done = run(tmp_path, "config", env=env)
        assert done.status == 0, (container["name"], done.err)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifest_hangs_together(path):
    """Services find pods, ports and volumes have the names that are used, and a pod is given time to drain."""
    documents = load(path)
    labels = []
    for document, pod, container, env in containers(documents):
        own = document["spec"]["template"]["metadata"]["labels"]
        labels.append(own)
        assert document["spec"]["selector"]["matchLabels"].items() <= own.items()
        assert pod["terminationGracePeriodSeconds"] > 30
        (port,) = container["ports"]
        assert env["RUNTIME_HTTPSERVER_ADDRESS"] == ":%d" % port["containerPort"]
        assert container["readinessProbe"]["tcpSocket"]["port"] == port["name"] == "http"
        claims = document["spec"].get("volumeClaimTemplates", [])
        volumes = {v["name"] for v in pod.get("volumes", [])} | {c["metadata"]["name"] for c in claims}
        assert {m["name"] for m in container.get("volumeMounts", [])} == volumes
    for service in (d for d in documents if d["kind"] == "Service"):
        assert any(service["spec"]["selector"].items() <= own.items() for own in labels), service
        assert [p["targetPort"] for p in service["spec"]["ports"]] == ["http"]


def test_documents_name_settings_that_exist(tmp_path):
    """What docs/deployment.md tells to set can be set."""
    names = setting_names(tmp_path)
    text = (ROOT / "docs" / "deployment.md").read_text()
    told = set(re.findall(r"\b(?:DIFF|RUNTIME|GRAPHER|STREAM|VPC|AWS)_[A-Z_]*[A-Z]\b", text))
    assert "DIFF_ROLE" in told and told <= names, told - names
    for link in re.findall(r"\]\((\.\./[^)]+)\)", text):
        assert (ROOT / "docs" / link).resolve().exists(), link


@pytest.mark.parametrize("unit", ["vpcflow-diffd.service", "vpcflow-diffd@.service"])
def test_units(tmp_path, unit):
    """systemd itself finds nothing wrong with a unit."""
    program = pathlib.Path(tmp_path) / "bin" / "vpcflow-diffd"
    program.parent.mkdir()
    program.symlink_to("/bin/true")
    text = (PACKAGING / (unit + ".in")).read_text().replace("@bindir@", str(program.parent))
    installed = tmp_path / unit.replace("@.", "@api.")
    installed.write_text(text.replace("man:vpcflow-diffd(1)", "https://example.com"))
    done = subprocess.run(["systemd-analyze", "verify", installed], capture_output=True, text=True, timeout=SLOW)
    said = [line for line in done.stderr.splitlines() if unit.split("@")[0].split(".")[0] in line]
    assert not said, said

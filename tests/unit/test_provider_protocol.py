"""The provider's answers to Pulumi's protocol, whatever the resource."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf import empty_pb2
from mlcloud.provider.protocol import provider_pb2, provider_pb2_grpc
from mlcloud.provider.values import UNKNOWN, decode, encode
from support.processes import wait_for_end
from support.provider_plugin import PLUGIN, Plugin, RefusedError
from support.waiting import LIMIT_S

BUCKET = "mlcloud:local:Bucket"
OBJECT = "mlcloud:local:BucketObject"
DIGEST = "0" * 64


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    started = Plugin()
    yield started
    assert started.close() == ("", "")


def test_the_plugin_says_its_version_and_that_it_keeps_secrets(plugin: Plugin) -> None:
    assert plugin.call("GetPluginInfo", empty_pb2.Empty()).version == "0.1.0"
    assert plugin.call("Handshake", provider_pb2.ProviderHandshakeRequest()).accept_secrets
    configured = plugin.call("Configure", provider_pb2.ConfigureRequest())
    assert configured.acceptSecrets
    assert configured.supportsPreview


def test_all_problems_of_the_inputs_are_told_at_once_with_their_paths(plugin: Plugin) -> None:
    problems = plugin.resource(OBJECT).check(
        {"bucket": "relative", "soruce": "/data.csv", "sha256": 5.0, "prefix": "../up"}
    )
    assert set(problems) == {"bucket", "soruce", "source", "sha256", "prefix"}
    assert "did you mean `source`?" in problems["soruce"]
    assert "is required" in problems["source"]
    assert '"relative" is not an absolute path' in problems["bucket"]
    assert problems["sha256"] == "5.0 is not a string."
    assert '"../up" is not a prefix' in problems["prefix"]


def test_a_property_that_resembles_none_is_answered_with_what_there_is(plugin: Plugin) -> None:
    problems = plugin.resource(BUCKET).check({"directory": "/b", "zzz": True})
    assert problems == {
        "zzz": "`zzz` is not a property of `mlcloud:local:Bucket`: it takes `directory`, `forceDestroy`."
    }


def test_values_that_are_not_known_yet_pass_the_check_and_stay_unknown_in_the_preview(plugin: Plugin) -> None:
    inputs = {"bucket": UNKNOWN, "source": "/rows.csv", "sha256": DIGEST}
    stored = plugin.resource(OBJECT)
    assert stored.check(inputs) == {}
    assert stored.preview(inputs) == {
        "bucket": UNKNOWN,
        "key": UNKNOWN,
        "uri": UNKNOWN,
        "path": UNKNOWN,
        "sha256": DIGEST,
        "bytes": UNKNOWN,
    }


def test_an_unknown_value_counts_as_changed(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    bucket.create({"directory": str(tmp_path / "bucket")})
    assert bucket.kinds({"directory": UNKNOWN}) == {"directory": "UPDATE_REPLACE"}


def test_a_default_that_is_written_out_changes_nothing(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    bucket.create({"directory": str(tmp_path / "bucket")})
    found = bucket.diff({"directory": str(tmp_path / "bucket"), "forceDestroy": False})
    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_outputs_that_derive_from_a_secret_input_are_secret(plugin: Plugin, tmp_path: Path) -> None:
    bucket = plugin.resource(BUCKET)
    bucket.create({"directory": str(tmp_path / "bucket")}, secrets=frozenset({"directory"}))
    assert bucket.secrets == {"directory", "uri"}
    plain = plugin.resource(BUCKET)
    plain.create({"directory": str(tmp_path / "other")})
    assert plain.secrets == frozenset()


def test_secret_inputs_come_back_from_the_check_as_secrets(plugin: Plugin) -> None:
    news = encode({"directory": "/bucket"}, {"directory"})
    request = provider_pb2.CheckRequest(urn=plugin.resource(BUCKET).urn, news=news)
    assert plugin.call("Check", request).inputs == news


def test_an_unknown_resource_is_answered_with_the_nearest(plugin: Plugin) -> None:
    with pytest.raises(RefusedError, match="did you mean `mlcloud:local:Bucket`"):
        plugin.resource("mlcloud:local:Bukcet").check({})


def test_what_the_provider_does_not_offer_is_refused_by_name(plugin: Plugin) -> None:
    with pytest.raises(RefusedError, match="no function `mlcloud:local:getBucket`") as refused:
        plugin.call("Invoke", provider_pb2.InvokeRequest(tok="mlcloud:local:getBucket"))
    assert refused.value.code == grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(RefusedError, match="no component `mlcloud:index:LocalStack`"):
        plugin.call("Construct", provider_pb2.ConstructRequest(type="mlcloud:index:LocalStack"))


def check_config(plugin: Plugin, name: str, news: dict[str, Any]) -> provider_pb2.CheckResponse:
    urn = f"urn:pulumi:dev::mlcloud::pulumi:providers:mlcloud::{name}"
    return plugin.call("CheckConfig", provider_pb2.CheckRequest(urn=urn, news=encode(news)))


def test_configuration_is_refused_because_there_is_none(plugin: Plugin) -> None:
    answer = check_config(plugin, "mine", {"version": "0.1.0", "region": "eu", "cloud": "local"})
    assert [failure.property for failure in answer.failures] == ["cloud", "region"]
    assert answer.failures[1].reason == "The provider `mlcloud` takes no configuration: remove `region`."
    assert list(check_config(plugin, "mine", {"version": "0.1.0"}).failures) == []


@pytest.mark.parametrize("name", ["default", "default_0_1_0"])
def test_settings_of_a_project_with_the_providers_name_stay_out_of_the_default_provider(
    plugin: Plugin, name: str
) -> None:
    """Pulumi hands a default provider the stack's config of the namespace that has its name."""
    settings = {"cloud": "local", "training": '{"estimator":"svm"}', "version": "0.1.0"}
    answer = check_config(plugin, name, settings)
    assert list(answer.failures) == []
    assert decode(answer.inputs).values == {"version": "0.1.0"}
    changed = check_config(plugin, name, {**settings, "training": '{"estimator":"decision_tree"}'})
    assert changed.inputs == answer.inputs


def test_a_secret_value_that_is_refused_is_not_told(plugin: Plugin) -> None:
    resource = plugin.resource("mlcloud:local:Endpoint")
    news = {"name": "S3CRET", "directory": "/endpoint", "modelUri": "/model", "modelSha256": "0" * 64}
    news |= {"environment": {"TOKEN": 12345.0}}
    request = provider_pb2.CheckRequest(
        urn=resource.urn, news=encode(news, {"name", "environment", "modelSha256"})
    )
    failures = {item.property: item.reason for item in plugin.call("Check", request).failures}
    assert set(failures) == {"name", "environment.TOKEN"}
    assert all(reason.startswith("its secret value is not allowed here") for reason in failures.values())
    assert not any("S3CRET" in reason or "12345" in reason for reason in failures.values())


@pytest.mark.parametrize("kind", ["bool", "number", "string", "array", "object"])
def test_every_kind_of_value_may_be_unknown(plugin: Plugin, tmp_path: Path, kind: str) -> None:
    """What the engine puts in a value's place follows its type (sdk/go/common/resource/plugin/rpc.go)."""
    marks = {
        "bool": "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "number": "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "string": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "array": "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "object": "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
    bucket = plugin.resource(BUCKET)
    inputs = {"directory": str(tmp_path / "bucket"), "forceDestroy": marks[kind]}
    assert bucket.check(inputs) == {}
    assert bucket.preview(inputs)["forceDestroy"] is UNKNOWN


def test_a_failure_of_the_operating_system_is_a_sentence(plugin: Plugin, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="The operating system refused") as refused:
        plugin.resource(BUCKET).create({"directory": str(tmp_path / "file" / "bucket")})
    assert "Traceback" not in refused.value.message


def test_a_resource_cannot_be_imported_and_the_message_says_what_to_do(plugin: Plugin) -> None:
    request = provider_pb2.ReadRequest(urn=plugin.resource(BUCKET).urn, id="/bucket")
    with pytest.raises(RefusedError, match="cannot be imported"):
        plugin.call("Read", request)


def test_the_schema_names_every_property_with_its_type_and_meaning(plugin: Plugin) -> None:
    schema = json.loads(plugin.call("GetSchema", provider_pb2.GetSchemaRequest()).schema)
    bucket = schema["resources"][BUCKET]
    assert bucket["inputProperties"]["directory"] == {
        "type": "string",
        "description": "absolute path of the directory; it must not exist yet, or be empty.",
        "willReplaceOnChanges": True,
    }
    assert bucket["requiredInputs"] == ["directory"]
    assert bucket["required"] == ["directory", "uri", "forceDestroy"]
    for token, resource in schema["resources"].items():
        for kind in ("inputProperties", "properties"):
            for name, described in resource[kind].items():
                assert described.get("description"), (token, name)


def test_stdout_holds_the_port_alone_and_the_plugin_ends_on_request() -> None:
    started = Plugin()
    started.call("GetPluginInfo", empty_pb2.Empty())
    assert started.close() == ("", "")
    assert started.process.returncode == 0


def test_ctrl_c_in_the_terminal_is_left_to_the_engine() -> None:
    started = Plugin()
    started.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    started.call("GetPluginInfo", empty_pb2.Empty())
    started.close()


def test_the_plugin_ends_when_its_engine_is_killed() -> None:
    program = (
        "import subprocess, sys, time\n"
        f"command = [sys.executable, {str(PLUGIN)!r}, '127.0.0.1:1']\n"
        "plugin = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        "print(plugin.pid, plugin.stdout.readline().decode().strip(), flush=True)\n"
        "time.sleep(600)\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    pid, port = map(int, engine.stdout.readline().split())
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty(), timeout=LIMIT_S)
    started = psutil.Process(pid)
    os.kill(engine.pid, signal.SIGKILL)
    engine.communicate()
    wait_for_end(started)


def test_starting_does_not_import_the_whole_sdk() -> None:
    program = (
        "import sys\n"
        "from mlcloud.provider.engine import Engine\n"
        "from mlcloud.provider.server import make_servicer\n"
        "make_servicer(Engine(None))\n"
        "assert 'pulumi' not in sys.modules, 'the SDK was imported'\n"
        "assert 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=LIMIT_S)

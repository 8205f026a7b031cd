"""Pulumi's provider protocol: the generated gRPC modules, loaded without the rest of the SDK.

`import pulumi` takes about half a second (it brings automation, OpenTelemetry and dill), which every start
of the plugin would pay. The generated modules depend on gRPC and protobuf alone and import each other
relatively, so they are loaded from the SDK's folder as a package of their own. Message classes come from
protobuf's descriptor pool, so they are the very classes that the SDK uses where both are imported.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
    )

__all__ = ["engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc"]

_PACKAGE = "mlcloud.provider._pulumi_proto"


def _package() -> str:
    if _PACKAGE not in sys.modules:
        spec = importlib.util.find_spec("pulumi")
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(
                "The Pulumi SDK is not installed: install the package `pulumi`.", name="pulumi"
            )
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(Path(spec.submodule_search_locations[0]) / "runtime" / "proto")]
        sys.modules[_PACKAGE] = package
    return _PACKAGE


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{_package()}.{name}")

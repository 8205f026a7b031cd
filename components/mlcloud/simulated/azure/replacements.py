"""Which changed inputs make an Azure resource anew: outside sources, never our own judgement.

pulumi-azure-native makes a resource anew where the request's path changes, and where the API's specification
says of a top-level property that it can be set at creation alone (`x-ms-mutability`). What is so deeper
inside is sent as an update, which Azure then refuses or ignores (pulumi-azure-native,
provider/pkg/gen/properties.go, forceNew; provider/pkg/provider/diff.go). `replacements.json` is made from
Microsoft's management clients, which have both. What they are silent on, and what pulumi-azure-native adds on
its own account, stands below.
"""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Final, cast

_NATIVE: Final = "https://github.com/pulumi/pulumi-azure-native provider/pkg/gen/replacement.go"
_SPECS: Final = "https://github.com/Azure/azure-rest-api-specs specification/"
_COMMON: Final = _SPECS + "common-types/resource-management/v3/types.json TrackedResource"

NATIVE: Mapping[str, tuple[tuple[str, ...], str]] = {
    "azure-native:applicationinsights:Component": (
        ("location",),
        _SPECS + "applicationinsights/resource-manager/Microsoft.Insights/stable/2020-02-02/"
        "components_API.json",
    ),
    "azure-native:applicationinsights:Workbook": (("location",), _COMMON),
    "azure-native:authorization:RoleAssignment": (("principalId", "scope"), _NATIVE),
    "azure-native:managedidentity:UserAssignedIdentity": (("location",), _COMMON),
    "azure-native:monitor:ActionGroup": (
        ("location",),
        _SPECS + "monitor/resource-manager/Microsoft.Insights/stable/2021-09-01/actionGroups_API.json",
    ),
    "azure-native:monitor:AutoscaleSetting": (
        ("location",),
        _SPECS + "monitor/resource-manager/Microsoft.Insights/stable/2015-04-01/autoscale_API.json",
    ),
    "azure-native:monitor:DiagnosticSetting": (
        ("name", "resourceUri"),
        _SPECS + "monitor/resource-manager/Microsoft.Insights/preview/2021-05-01-preview/"
        "diagnosticsSettings_API.json",
    ),
    "azure-native:monitor:MetricAlert": (
        ("location",),
        _SPECS + "monitor/resource-manager/Microsoft.Insights/stable/2018-03-01/metricAlert_API.json",
    ),
    "azure-native:monitor:ScheduledQueryRule": (
        ("location",),
        _SPECS + "monitor/resource-manager/Microsoft.Insights/stable/2021-08-01/scheduledQueryRule_API.json",
    ),
    "azure-native:network:PrivateEndpoint": (("subnet",), _NATIVE),
    "azure-native:network:VirtualNetwork": (("location",), _NATIVE),
    "azure-native:resources:ResourceGroup": (("location",), _NATIVE),
    "azure-native:storage:BlobServiceProperties": (
        ("blobServicesName",),
        _SPECS + "storage/resource-manager/Microsoft.Storage/stable/2024-01-01/blob.json",
    ),
    "azure-native:storage:StorageAccount": (("isHnsEnabled", "location"), _NATIVE),
}
"""Type token -> the paths that force a replacement, and where that is written."""


@functools.cache
def replaces(token: str) -> tuple[str, ...]:
    """The property paths whose change makes a resource of this type anew, with everything below them."""
    told, _source = NATIVE.get(token, ((), ""))
    return tuple(sorted({*_documented().get(token, ()), *told}))


def is_known(token: str) -> bool:
    """Whether a source was asked about the type."""
    return token in NATIVE or token in _documented()


@functools.cache
def _documented() -> Mapping[str, list[str]]:
    text = (
        resources.files("mlcloud.simulated.azure").joinpath("replacements.json").read_text(encoding="utf-8")
    )
    return cast("Mapping[str, list[str]]", json.loads(text))

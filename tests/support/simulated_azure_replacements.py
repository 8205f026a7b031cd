"""Which properties force a replacement on Azure, from Microsoft's own management clients.

``python -m support.simulated_azure_replacements`` (in ``tests/``) writes the simulated Azure's table.
"""

import ast
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import azure.core
from mlcloud.simulated.azure.looks import LOOKS
from mlcloud.simulated.declarations import declaration_of

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "components" / "mlcloud" / "simulated" / "azure" / "replacements.json"
REGENERATE = "cd tests && python -m support.simulated_azure_replacements"

_ML = "azure.ai.ml._restclient.arm_ml_service"
_MGMT = "azure.mgmt."

TYPES: Mapping[str, tuple[str, str]] = {
    "azure-native:applicationinsights:Component": (_MGMT + "applicationinsights.v2020_02_02", ""),
    "azure-native:applicationinsights:Workbook": (_MGMT + "applicationinsights.v2023_06_01", ""),
    "azure-native:authorization:RoleAssignment": (_MGMT + "authorization.v2022_04_01", ""),
    "azure-native:authorization:RoleDefinition": (_MGMT + "authorization.v2022_04_01", ""),
    "azure-native:consumption:Budget": (_MGMT + "consumption", "Budget"),
    "azure-native:containerregistry:Registry": (_MGMT + "containerregistry", "Registry"),
    "azure-native:keyvault:Key": (_MGMT + "keyvault", "KeyCreateParameters"),
    "azure-native:keyvault:Vault": (_MGMT + "keyvault", "VaultCreateOrUpdateParameters"),
    "azure-native:machinelearningservices:Compute": (_ML, "ComputeResource"),
    "azure-native:machinelearningservices:Datastore": (_ML, "Datastore"),
    "azure-native:machinelearningservices:EnvironmentContainer": (_ML, "EnvironmentContainer"),
    "azure-native:machinelearningservices:EnvironmentVersion": (_ML, "EnvironmentVersion"),
    "azure-native:machinelearningservices:ManagedNetworkSettingsRule": (_ML, "OutboundRuleBasicResource"),
    "azure-native:machinelearningservices:ModelContainer": (_ML, "ModelContainer"),
    "azure-native:machinelearningservices:ModelVersion": (_ML, "ModelVersion"),
    "azure-native:machinelearningservices:OnlineDeployment": (_ML, "OnlineDeployment"),
    "azure-native:machinelearningservices:OnlineEndpoint": (_ML, "OnlineEndpoint"),
    "azure-native:machinelearningservices:Workspace": (_ML, "Workspace"),
    "azure-native:managedidentity:FederatedIdentityCredential": (_MGMT + "msi.v2024_11_30", ""),
    "azure-native:managedidentity:UserAssignedIdentity": (_MGMT + "msi.v2024_11_30", ""),
    "azure-native:monitor:ActionGroup": (_MGMT + "monitor", ""),
    "azure-native:monitor:AutoscaleSetting": (_MGMT + "monitor", ""),
    "azure-native:monitor:DiagnosticSetting": (_MGMT + "monitor", ""),
    "azure-native:monitor:MetricAlert": (_MGMT + "monitor", ""),
    "azure-native:monitor:ScheduledQueryRule": (_MGMT + "monitor", ""),
    "azure-native:network:NetworkSecurityGroup": (_MGMT + "network", "NetworkSecurityGroup"),
    "azure-native:network:PrivateDnsZoneGroup": (_MGMT + "network", "PrivateDnsZoneGroup"),
    "azure-native:network:PrivateEndpoint": (_MGMT + "network", "PrivateEndpoint"),
    "azure-native:network:Subnet": (_MGMT + "network", "Subnet"),
    "azure-native:network:VirtualNetwork": (_MGMT + "network", "VirtualNetwork"),
    "azure-native:operationalinsights:Workspace": (_MGMT + "loganalytics", "Workspace"),
    "azure-native:privatedns:PrivateZone": (_MGMT + "privatedns", "PrivateZone"),
    "azure-native:privatedns:VirtualNetworkLink": (_MGMT + "privatedns", "VirtualNetworkLink"),
    "azure-native:resources:ResourceGroup": (_MGMT + "resource.resources", "ResourceGroup"),
    "azure-native:storage:BlobContainer": (_MGMT + "storage", "BlobContainer"),
    "azure-native:storage:BlobServiceProperties": (_MGMT + "storage", "BlobServiceProperties"),
    "azure-native:storage:ManagementPolicy": (_MGMT + "storage", "ManagementPolicy"),
    "azure-native:storage:StorageAccount": (_MGMT + "storage", "StorageAccountCreateParameters"),
}
"""Type token -> the management client, and the model of the body. Empty: its models tell no mutability."""

_URL = re.compile(r'"((?:/subscriptions/|/\{scope\}/|/\{resourceUri\}/)[^"]+)"')
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _folder(package: str) -> Path:
    """Where a client lies. It is read, and not imported: that would take many seconds."""
    return Path(azure.core.__file__).parents[1].joinpath(*package.split(".")[1:])


@functools.cache
def paths(package: str) -> frozenset[str]:
    """The paths that a client's operations request."""
    # Some clients have a folder for each version of the API.
    files = (file for file in _folder(package).rglob("*_operations.py") if "aio" not in file.parts)
    return frozenset(path for file in files for path in _URL.findall(file.read_text()))


@functools.cache
def _models(package: str) -> Mapping[str, str]:
    """The source of each model of a client."""
    (file,) = _folder(package).joinpath("models").glob("_models*.py")
    sources = re.split(r"^(?=class )", file.read_text(), flags=re.MULTILINE)[1:]
    return {source[len("class ") :].split("(")[0]: source for source in sources}


def path_of(token: str) -> str:
    """The path of the client that is the type's identifier; empty when it has none like it."""
    wanted = form(LOOKS[token].id)
    return next((path for path in sorted(paths(TYPES[token][0])) if form(path) == wanted), "")


def form(path: str) -> str:
    """A path without what its placeholders are called, and without letters' case."""
    fixed = path.replace("/blobServices/{blobServicesName}", "/blobServices/default")
    return _PLACEHOLDER.sub("{}", fixed).removeprefix("/{}").removeprefix("{}").lower()


def create_only(token: str) -> Iterator[str]:
    """The top-level properties of a type that its client's model sets at creation alone."""
    package, model = TYPES[token]
    if not model:
        return
    inputs = declaration_of(token).inputs
    for name, field in fields(package, model):
        if name in inputs and _is_set_at_creation(field):
            yield name
        if name == "properties" and name not in inputs:
            # The SDK has these members at the top, too.
            (inner,) = re.findall(r"_models\.(\w+)", ast.unparse(field.annotation))
            yield from (
                member
                for member, it in fields(package, inner)
                if member in inputs and _is_set_at_creation(it)
            )


def fields(package: str, model: str) -> Iterator[tuple[str, ast.AnnAssign]]:
    """A model's properties by wire name, with those of what it comes from."""
    (definition,) = ast.parse(_models(package)[model]).body
    assert isinstance(definition, ast.ClassDef)
    for base in definition.bases:
        if isinstance(base, ast.Name) and base.id in _models(package):
            yield from fields(package, base.id)
    for line in definition.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call):
            assert isinstance(line.target, ast.Name)
            name = next((item.value for item in line.value.keywords if item.arg == "name"), None)
            yield (name.value if isinstance(name, ast.Constant) else line.target.id), line


def _is_set_at_creation(field: ast.AnnAssign) -> bool:
    assert isinstance(field.value, ast.Call)
    told = next((item.value for item in field.value.keywords if item.arg == "visibility"), None)
    seen: list[str] = ast.literal_eval(told) if told is not None else []
    return "create" in seen and "update" not in seen


def table() -> dict[str, list[str]]:
    """Token -> the paths that force a replacement."""
    found: dict[str, list[str]] = {}
    for token in sorted(TYPES):
        inputs = declaration_of(token).inputs
        named = [name for name in _PLACEHOLDER.findall(path_of(token)) if name in inputs]
        found[token] = sorted({*named, *create_only(token)})
    return found


def main() -> None:
    """Write the table."""
    TABLE.write_text(json.dumps(table(), indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

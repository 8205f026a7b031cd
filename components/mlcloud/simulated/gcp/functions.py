"""The functions of pulumi-gcp that are answered without an account."""

from collections.abc import Mapping

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.cloud import Facts, Function, digits

_NUMBER_DIGITS = 12
_COMPUTE = "https://www.googleapis.com/compute/v1/"


def number_of(project: str) -> str:
    """A project's number: twelve digits that follow from its id."""
    return str(10 ** (_NUMBER_DIGITS - 1) + int(digits(project, 9), 16) % (9 * 10 ** (_NUMBER_DIGITS - 1)))


def _client_config(facts: Facts, arguments: Properties) -> Properties:
    del arguments
    return {
        "accessToken": digits(f"token {facts.account}", 40),
        "defaultLabels": dict(facts.tags),
        "id": f"projects/{facts.account}/regions/{facts.region}/zones/",
        "project": facts.account,
        "region": facts.region,
        "zone": "",
    }


def _project(facts: Facts, arguments: Properties) -> Properties:
    project = arguments.get("projectId") or facts.account
    return {
        "autoCreateNetwork": False,
        "billingAccount": "",
        "deletionPolicy": "PREVENT",
        "effectiveLabels": {},
        "folderId": "",
        "id": f"projects/{project}",
        "labels": {},
        "name": project,
        "number": number_of(project),
        "orgId": "",
        "projectId": project,
        "pulumiLabels": {},
        "tags": {},
    }


def _storage_agent(facts: Facts, arguments: Properties) -> Properties:
    project = arguments.get("project") or facts.account
    email = f"service-{number_of(project)}@gs-project-accounts.iam.gserviceaccount.com"
    return {"emailAddress": email, "id": email, "member": f"serviceAccount:{email}", "project": project}


def _logging_settings(facts: Facts, arguments: Properties) -> Properties:
    project = arguments.get("project") or facts.account
    number = number_of(project)
    return {
        "disableDefaultSink": False,
        "id": f"projects/{project}/settings",
        "kmsKeyName": "",
        "kmsServiceAccountId": f"cmek-p{number}@gcp-sa-logging.iam.gserviceaccount.com",
        "loggingServiceAccountId": f"service-{number}@gcp-sa-logging.iam.gserviceaccount.com",
        "name": f"projects/{project}/settings",
        "project": project,
        "storageLocation": "global",
    }


def _subnetwork(facts: Facts, arguments: Properties) -> Properties:
    """A subnet by its full name, in a network that is called after the part of its name before a hyphen."""
    link = str(arguments.get("selfLink") or "")
    parts = link.split("/")
    project, region, name = (parts[-5], parts[-3], parts[-1]) if len(parts) > 5 else (facts.account, "", link)
    network = f"{_COMPUTE}projects/{project}/global/networks/{name.split('-', maxsplit=1)[0]}"
    return {
        "description": "",
        "gatewayAddress": "10.0.0.1",
        "id": link,
        "internalIpv6Prefix": "",
        "ipCidrRange": "10.0.0.0/24",
        "ipv6CidrRange": "",
        "name": name,
        "network": network,
        "privateIpGoogleAccess": True,
        "project": project,
        "region": region or facts.region,
        "secondaryIpRanges": [],
        "selfLink": f"{_COMPUTE}{link}",
        "subnetworkId": int(number_of(name)),
    }


FUNCTIONS: Mapping[str, Function] = {
    "gcp:organizations/getClientConfig:getClientConfig": _client_config,
    "gcp:organizations/getProject:getProject": _project,
    "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": _storage_agent,
    "gcp:compute/getSubnetwork:getSubnetwork": _subnetwork,
    "gcp:logging/getProjectSettings:getProjectSettings": _logging_settings,
}

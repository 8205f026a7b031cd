"""The functions of pulumi-aws that are answered without an account."""

import base64
from collections.abc import Mapping

from mlcloud.embedded.properties.marks import Properties
from mlcloud.simulated.aws.policy_document import policy_document
from mlcloud.simulated.cloud import Facts, Function, InvokeError, digits

_ZONES = ("a", "b", "c")
_OPT_IN = "opt-in-status"
_USER_ID = "AIDASIMULATEDUSER0001"
_EXPIRES = "2099-01-01T00:00:00Z"


def _caller_identity(facts: Facts, arguments: Properties) -> Properties:
    del arguments
    return {
        "accountId": facts.account,
        "arn": f"arn:{facts.words['partition']}:iam::{facts.account}:user/simulated",
        "id": facts.account,
        "userId": _USER_ID,
    }


def _region(facts: Facts, arguments: Properties) -> Properties:
    region = arguments.get("region") or arguments.get("name") or arguments.get("id") or facts.region
    return {
        "region": region,
        "name": region,
        "id": region,
        "endpoint": arguments.get("endpoint") or f"ec2.{region}.amazonaws.com",
        "description": f"Simulated ({region})",
    }


def _partition(facts: Facts, arguments: Properties) -> Properties:
    del arguments
    partition = facts.words["partition"]
    return {
        "id": partition,
        "partition": partition,
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _availability_zones(facts: Facts, arguments: Properties) -> Properties:
    """The region's own zones, and a Local Zone that the account has opted into, where none are left out.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html
    """
    region = arguments.get("region") or facts.region
    left_out = {*arguments.get("excludeNames", []), *arguments.get("excludeZoneIds", [])}
    prefix = _zone_prefix(region)
    zones = [(f"{region}-loc-1a", f"{prefix}-loc1-az1", "opted-in")]
    zones += [
        (f"{region}{letter}", f"{prefix}-az{index}", "opt-in-not-required")
        for index, letter in enumerate(_ZONES, 1)
    ]
    for asked in arguments.get("filters", []):
        if asked["name"] != _OPT_IN:
            raise InvokeError(f"zones are filtered by {_OPT_IN} alone here, and not by {asked['name']}.")
        zones = [zone for zone in zones if zone[2] in asked["values"]]
    kept = [(name, zone_id) for name, zone_id, _ in zones if not left_out & {name, zone_id}]
    return {
        **arguments,
        "id": region,
        "region": region,
        "names": [name for name, _ in kept],
        "zoneIds": [zone_id for _, zone_id in kept],
        "groupNames": [region],
    }


def _zone_prefix(region: str) -> str:
    """``eu-central-1`` -> ``euc1``, as zone identifiers begin."""
    area, direction, number = region.rsplit("-", 2)
    return f"{area.replace('-', '')}{direction[0]}{number}"


def _authorization_token(facts: Facts, arguments: Properties) -> Properties:
    registry = arguments.get("registryId") or facts.account
    region = arguments.get("region") or facts.region
    password = digits(f"{registry} {region}", 40)
    return {
        "id": region,
        "region": region,
        "registryId": registry,
        "userName": "AWS",
        "password": password,
        "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
        "proxyEndpoint": f"https://{registry}.dkr.ecr.{region}.amazonaws.com",
        "expiresAt": _EXPIRES,
    }


def _credentials(facts: Facts, arguments: Properties) -> Properties:
    if not arguments.get("registryId"):
        raise InvokeError("registryId is required")
    return _authorization_token(facts, arguments)


def _service_principal(facts: Facts, arguments: Properties) -> Properties:
    name, region = arguments["serviceName"], arguments.get("region") or facts.region
    return {
        "id": f"{name}.{region}.amazonaws.com",
        "name": f"{name}.amazonaws.com",
        "region": region,
        "serviceName": name,
        "suffix": "amazonaws.com",
    }


FUNCTIONS: Mapping[str, Function] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getServicePrincipal:getServicePrincipal": _service_principal,
    "aws:iam/getPolicyDocument:getPolicyDocument": policy_document,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _authorization_token,
    "aws:ecr/getCredentials:getCredentials": _credentials,
}

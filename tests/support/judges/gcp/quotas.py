"""The Cloud Quotas API as far as it is asked, as a discovery document says it: from Google's own client."""

import re
from typing import Any

from google.cloud import cloudquotas_v1
from google.cloud.cloudquotas_v1.services.cloud_quotas.transports import rest_base
from google.protobuf import json_format


def quotas_document() -> dict[str, Any]:
    """The list of a service's quotas: its path and what the client may ask."""
    options = rest_base._BaseCloudQuotasRestTransport._BaseListQuotaInfos._get_http_options()
    uri = next(option["uri"] for option in options if "{parent=projects/" in option["uri"])
    (parent,) = re.findall(r"\{parent=([^}]+)\}", uri)
    fields = cloudquotas_v1.ListQuotaInfosRequest.pb().DESCRIPTOR.fields
    query = {
        field.json_name: {
            "location": "query",
            "type": "string" if field.type == field.TYPE_STRING else "integer",
        }
        for field in fields
        if field.name != "parent"
    }
    pattern = "^" + parent.replace("*", "[^/]+") + "$"
    method = {
        "id": "cloudquotas.projects.locations.services.quotaInfos.list",
        "httpMethod": "GET",
        "path": re.sub(r"\{parent=[^}]+\}", "{+parent}", uri).lstrip("/"),
        "parameters": {"parent": {"location": "path", "type": "string", "pattern": pattern}, **query},
    }
    return {"servicePath": "", "schemas": {}, "methods": {"list": method}}


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """The same answer; a field or value that Google's client does not know raises."""
    json_format.ParseDict(answer, cloudquotas_v1.ListQuotaInfosResponse.pb()())
    return answer

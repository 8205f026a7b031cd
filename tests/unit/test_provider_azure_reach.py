"""What is out of reach on Azure, and what is refused: only the first may leave a smoke prediction out."""

import pytest
from mlcloud.provider.azure import blobs
from mlcloud.provider.azure.clients import AzureError, UnansweredError, is_out_of_reach
from mlcloud.provider.errors import ResourceError

NO_CONNECTION = UnansweredError("no connection")
SILENT = UnansweredError("no answer in time", is_silent=True)
NO_CREDENTIALS = ResourceError("The Azure credentials cannot be used.")


def refused(status: int, code: str) -> AzureError:
    return AzureError("HEAD x", status, code, "no")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NO_CONNECTION, True),
        (SILENT, False),
        (NO_CREDENTIALS, False),
        (refused(403, "AuthorizationFailure"), True),
        (refused(500, "InternalError"), False),
    ],
)
def test_an_endpoint_is_out_of_reach_without_a_connection_or_by_its_networks_refusal(
    error: ResourceError, expected: bool
) -> None:
    assert is_out_of_reach(error) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NO_CONNECTION, True),
        (SILENT, False),
        (NO_CREDENTIALS, False),
        (refused(403, "AuthorizationFailure"), True),
        (refused(403, "AuthorizationPermissionMismatch"), False),
    ],
)
def test_a_model_is_out_of_reach_by_its_networks_refusal_but_not_by_a_missing_role(
    error: ResourceError, expected: bool
) -> None:
    assert blobs.is_out_of_reach(error) == expected

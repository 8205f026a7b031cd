"""The simulated AWS."""

from mlcloud.simulated.aws.cloudcontrol import inner_identity
from mlcloud.simulated.aws.functions import FUNCTIONS
from mlcloud.simulated.aws.looks import LOOKS, computed, fallback
from mlcloud.simulated.aws.replacements import replaces
from mlcloud.simulated.cloud import Cloud
from mlcloud.simulated.servicer import SimulatedProvider

ACCOUNT = "123456789012"
"""The account of everything that is simulated: the one that AWS's own documentation uses."""

AWS = Cloud(
    package="aws",
    region_variable="AWS_REGION",
    default_region="us-east-1",
    account=ACCOUNT,
    words={"partition": "aws"},
    auto_names={"aws:s3/bucket:Bucket": "bucket"},
    auto_name_templates={"aws:kms/alias:Alias": "alias/{urnName}-{seven}"},
    # The group that every VPC has; it is taken over, and its name is not chosen.
    no_auto_name=frozenset({"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"}),
    looks=LOOKS,
    fallback=fallback,
    computed=computed,
    replaces=replaces,
    inner_identity=inner_identity,
    counters={
        "aws:ec2/launchTemplate:LaunchTemplate": ("latestVersion",),
        "aws:batch/jobDefinition:JobDefinition": ("revision",),
    },
    functions=FUNCTIONS,
)


class SimulatedAws(SimulatedProvider):
    """A provider instance of the simulated AWS; the engine makes one for each configuration."""

    def __init__(self) -> None:
        super().__init__(AWS)

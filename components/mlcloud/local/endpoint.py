"""The endpoint on this machine: a supervisor that keeps the port, and servers behind it."""

from dataclasses import dataclass, field

import pulumi

from mlcloud.core.args import validate, within
from mlcloud.core.options import child_options
from mlcloud.core.settings import AllAtOnce, Rollout
from mlcloud.local.resources import Endpoint
from mlcloud.local.rollouts import moves_here, rollout_problem
from mlcloud.local.scaling import MOST_SERVERS, InstanceScaling
from mlcloud.local.scope import LocalScope


@dataclass(frozen=True, kw_only=True)
class LocalEndpointArgs:
    """What an endpoint on this machine is made from.

    Attributes:
        scope: Whose it is and where; project and stack name the endpoint.
        model_uri: `file://` URI of the model's folder or archive.
        model_sha256: The model's SHA-256; the server refuses any other.
        model_version: The version's label, as predictions answer it.
        port: TCP port on 127.0.0.1. Default: a free one, chosen once and kept.
        replicas: Server processes that share the port, 1 to 64; the fewest where they scale. Default 1.
        scaling: What their number follows. Default: nothing, there are `replicas` of them.
        rollout: How traffic moves to a new version. Default: all at once. In whole percents.
        alarms: Absolute path of the monitor's alarms.json; an alarm of a new version takes it back. Default:
            its health alone is watched.
    """

    scope: LocalScope
    model_uri: pulumi.Input[str]
    model_sha256: pulumi.Input[str]
    model_version: pulumi.Input[str]
    port: int | None = None
    replicas: int = 1
    scaling: InstanceScaling | None = None
    rollout: Rollout = field(default_factory=AllAtOnce)
    alarms: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ArgsError: With every problem.
        """
        most = MOST_SERVERS if self.scaling is None else self.scaling.max
        validate(
            "The endpoint",
            within("replicas", self.replicas, low=1, high=most),
            rollout_problem(self.rollout),
        )


class LocalEndpoint(pulumi.ComponentResource):
    """A served model; a new version takes over only after it has answered its smoke prediction."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    url: pulumi.Output[str]
    model_version: pulumi.Output[str]
    logs: pulumi.Output[str]
    """Absolute path of the folder with the servers' logs."""

    def __init__(
        self, name: str, args: LocalEndpointArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mlcloud:index:LocalEndpoint", name, {}, opts)
        endpoint_name = args.scope.name("local-endpoint")
        how, scaling = moves_here(args.rollout), args.scaling
        endpoint = Endpoint(
            f"{name}-servers",
            name=endpoint_name,
            directory=args.scope.folder("endpoints", endpoint_name),
            model_uri=args.model_uri,
            model_sha256=args.model_sha256,
            model_version=args.model_version,
            port=args.port,
            replicas=args.replicas,
            max_replicas=None if scaling is None else scaling.max,
            target_in_flight=None if scaling is None else scaling.target_in_flight,
            scale_in_after_s=None if scaling is None else scaling.scale_in_after_s,
            canary_percent=how.canary_percent,
            linear_step_percent=how.linear_step_percent,
            wait_s=how.wait_s,
            alarms=args.alarms,
            opts=child_options(self, environment=args.scope.environment, serves=True),
        )
        self.id = endpoint.id
        self.name = endpoint.name
        self.url = endpoint.url
        self.model_version = endpoint.model_version
        self.logs = endpoint.logs
        self.register_outputs({"url": self.url, "model_version": self.model_version})

"""Where in a network of one's own machines and endpoints are put."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A network, and a door through which what Vertex AI runs reaches it.

    Attributes:
        network: Full name of the network, `projects/<project>/global/networks/<network>`, whose clients
            reach the endpoint by Private Service Connect.
        network_attachment: Full name of a network attachment, by which training and GPU machines join a
            subnet of the network.
    """

    network: pulumi.Input[str]
    network_attachment: pulumi.Input[str]

"""The test provider of scenarios: one that can be told to see what changed outside, and served to the CLI."""

from collections import Counter
from typing import Any

from google.protobuf.empty_pb2 import Empty
from mlcloud.embedded.properties import values
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from support.engine import ThingProvider


class ScenarioProvider(ThingProvider, provider_pb2_grpc.ResourceProviderServicer):
    """Things as everywhere. Once ``observant``, a look at one also tells what its inputs are by now."""

    def __init__(self) -> None:
        super().__init__()
        self.observant = False
        self.made: Counter[str] = Counter()

    def number(self, name: str) -> str:
        # Things that are made at once have the same numbers in any run.
        self.made[name] += 1
        return f"{self.made[name]}-{name}"

    def Attach(self, request: Any, context: Any) -> Any:
        return Empty()

    def Read(self, request: Any, context: Any) -> Any:
        answer = super().Read(request, context)
        if answer.id and self.observant:
            found = values.from_struct(answer.properties)
            inputs = {key: found.get(key) for key in values.from_struct(request.inputs)}
            answer = provider_pb2.ReadResponse(
                id=answer.id, properties=answer.properties, inputs=values.to_struct(inputs)
            )
        return answer

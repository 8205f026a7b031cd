"""Updates that are killed with SIGKILL at random moments: the next explains, repairs, and loses nothing."""

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from mlcloud.embedded.state.records import PendingOperation
from support.faults_cloud import FaultyStack, FileCloud, Wanted, file_cloud

SEED = int(os.environ.get("MLCLOUD_FAULT_SEED", "7"))
KILLS = 200


def outside(operation: PendingOperation) -> bool:
    """Whether it is an operation on something outside, not on the engine's own notes."""
    return operation.resource.custom and not operation.resource.type.startswith("pulumi:providers:")


def check_explained(stack: FaultyStack, pending: list[PendingOperation], locked: bool) -> None:
    told = Counter(item.urn for item in stack.warnings() if "was cut off while it was" in item.message)
    assert told == Counter(item.resource.urn for item in pending)
    holders = [
        item.message for item in stack.warnings() if "A run before this one was cut off" in item.message
    ]
    assert len(holders) == locked


def check_agreement(stack: FaultyStack, pending: list[PendingOperation]) -> int:
    """See that what exists is in the state and the other way round; return how many things had to be told of.

    A creation of a foreign provider has an effect that nobody can find again: whoever reads the explanation
    deletes it, and so does this test. Anything else outside the state is lost.
    """
    cloud = FileCloud(stack.cloud).existing()
    recorded = {item.id: item for item in stack.snapshot.resources if item.type == "test:index:Thing"}
    assert set(recorded) <= set(cloud), "something in the state does not exist"
    for thing_id, record in recorded.items():
        assert cloud[thing_id] == {"urn": record.urn, "thing": record.outputs}
    told = Counter(item.resource.urn for item in pending if item.type == "creating")
    left = Counter(cloud[thing_id]["urn"] for thing_id in set(cloud) - set(recorded))
    assert left <= told, "something exists of which nobody was told"
    for thing_id in set(cloud) - set(recorded):
        (stack.cloud / thing_id).unlink()
    return left.total()


@pytest.mark.timeout(1200)
def test_after_each_of_200_kills_the_next_update_explains_and_repairs(tmp_path: Path) -> None:
    source = random.Random(SEED)  # noqa: S311 - which programs, not a secret
    stack = FaultyStack(tmp_path, file_cloud)
    kills, cut, left, span_s = 0, Counter[str](), 0, 0.2
    while kills < KILLS:
        about = f"kill {kills} of MLCLOUD_FAULT_SEED={SEED}"
        wanted = Wanted.draw(source)
        update = stack.start(wanted)
        began = time.monotonic()
        if not update.kill_after(source.uniform(0, span_s)):
            # It had ended: the moments are to lie within what an update takes on this machine.
            span_s = 0.5 * (span_s + time.monotonic() - began)
            continue
        kills += 1
        span_s *= 1.02
        pending = [item for item in stack.snapshot.pending_operations if outside(item)]
        locked = len(list((tmp_path / "home/.pulumi/locks/organization/shop/dev").glob("*.json")))
        cut.update(item.type for item in pending)
        # Whoever starts again may have changed their mind.
        wanted = wanted if source.random() < 0.6 else Wanted.draw(source)

        assert stack.up(wanted).ok, (about, stack.errors())

        check_explained(stack, pending, locked > 0)
        left += check_agreement(stack, pending)
        again = stack.up(wanted)
        assert again.ok, about
        assert set(again.summary) == {"same"}, about
        assert {item.name for item in stack.snapshot.resources if item.type == "test:index:Thing"} == set(
            wanted.things
        )
    assert set(cut) == {"creating", "updating", "deleting"}, cut
    assert left > 0, "no kill fell between what a provider did and the record of it"
    assert sorted(path.name for path in (tmp_path / "home/.pulumi/stacks/shop").iterdir()) == [
        "dev.json",
        "dev.json.bak",
    ]
    assert list((tmp_path / "home/.pulumi/locks").rglob("*.json")) == []
    assert stack.destroy().ok
    assert FileCloud(stack.cloud).existing() == {}

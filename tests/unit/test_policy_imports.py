"""Controls need neither Pulumi nor a cloud's SDK: whatever has a plan's records can judge them."""

import subprocess
import sys

LOADED = """
import sys
import mlcloud.policy.guide
unwanted = {"pulumi", "pulumi_aws", "pulumi_gcp", "boto3", "grpc", "rich"}
print(sorted({name.split(".")[0] for name in sys.modules} & unwanted))
"""


def test_controls_load_no_pulumi_and_no_sdk() -> None:
    command = [sys.executable, "-c", LOADED]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"

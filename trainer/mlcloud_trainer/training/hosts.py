"""Which of a job's machines trains: the model needs one, the first.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
(resourceconfig.json), https://cloud.google.com/vertex-ai/docs/training/distributed-training (CLUSTER_SPEC),
https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html,
https://learn.microsoft.com/azure/machine-learning/how-to-train-distributed-gpu (RANK, TF_CONFIG).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from mlcloud_trainer.training.platforms import Layout, read_config, read_object


def trains_here(layout: Layout, environment: Mapping[str, str]) -> bool:
    """Whether this host is the one that trains; true where the platform tells of no other hosts.

    Raises:
        TrainingError: What the platform says cannot be read.
    """
    here = _on_sagemaker(layout) and _on_vertex(environment) and _on_batch(environment)
    return here and _on_azure(environment)


def _on_sagemaker(layout: Layout) -> bool:
    resources = read_config(layout.config_dir / "resourceconfig.json")
    hosts = resources.get("hosts")
    current = resources.get("current_host")
    if not isinstance(hosts, list) or not isinstance(current, str):
        return True
    names = sorted(str(host) for host in cast("list[object]", hosts))
    return not names or current == names[0]


def _on_vertex(environment: Mapping[str, str]) -> bool:
    text = environment.get("CLUSTER_SPEC", "")
    task = read_object(text, "CLUSTER_SPEC").get("task") if text else None
    if not isinstance(task, dict):
        return True
    mine = cast("dict[str, object]", task)
    return mine.get("type", "workerpool0") == "workerpool0" and mine.get("index", 0) == 0


def _on_batch(environment: Mapping[str, str]) -> bool:
    index = environment.get("AWS_BATCH_JOB_NODE_INDEX", "")
    return not index or index == environment.get("AWS_BATCH_JOB_MAIN_NODE_INDEX", "0")


def _on_azure(environment: Mapping[str, str]) -> bool:
    # Other launchers set the same names: they count in a job of Azure ML alone.
    if not environment.get("AZUREML_RUN_ID"):
        return True
    text = environment.get("TF_CONFIG", "")
    task = read_object(text, "TF_CONFIG").get("task") if text else None
    if isinstance(task, dict):
        mine = cast("dict[str, object]", task)
        return mine.get("type") in ("worker", "chief") and mine.get("index", 0) == 0
    ranks = (environment.get(name, "") for name in ("RANK", "OMPI_COMM_WORLD_RANK", "NODE_RANK"))
    return next((rank for rank in ranks if rank), "0") == "0"

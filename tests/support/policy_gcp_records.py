"""A plan for prod on GCP to which no control has anything to say: a resource of every kind that is judged."""

from __future__ import annotations

import json
from typing import Any

from support.policy import Records, urn

PROJECT = "projects/shop"
KEY = f"{PROJECT}/locations/europe-west4/keyRings/shop/cryptoKeys/shop"
NETWORK_NAME = f"{PROJECT}/global/networks/shop"
ATTACHMENT = f"{PROJECT}/regions/europe-west4/networkAttachments/shop"
ACCOUNT = "shop-training@shop.iam.gserviceaccount.com"
PEOPLE = "group:ml-team@example.com"
SHIELDED = {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": True}
LOGINS = {"enable-oslogin": "TRUE", "block-project-ssh-keys": "TRUE"}
AGENTS = {
    "storage": "service-1@gs-project-accounts.iam.gserviceaccount.com",
    "artifact-registry": "service-1@gcp-sa-artifactregistry.iam.gserviceaccount.com",
    "logging": "cmek-p1@gcp-sa-logging.iam.gserviceaccount.com",
    "vertex": "service-1@gcp-sa-aiplatform.iam.gserviceaccount.com",
}

KEYS: Records = {
    "key": {
        "type": "gcp:kms/cryptoKey:CryptoKey",
        "inputs": {
            "purpose": "ENCRYPT_DECRYPT",
            "rotationPeriod": "7776000s",
            "destroyScheduledDuration": "2592000s",
        },
        "protect": True,
        "retainOnDelete": True,
    },
    **{
        f"key-{agent}": {
            "type": "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
            "inputs": {
                "cryptoKeyId": KEY,
                "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                "member": f"serviceAccount:{email}",
            },
        }
        for agent, email in AGENTS.items()
    },
}
ENCRYPTED = [urn(name, record) for name, record in KEYS.items()]


def encrypted(type_: str, inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A resource that waits for the key and for what Google's agents may do with it."""
    return {"type": type_, "inputs": inputs, "dependencies": ENCRYPTED, **options}


STORAGE: Records = {
    "bucket": encrypted(
        "gcp:storage/bucket:Bucket",
        {
            "name": "data",
            "publicAccessPrevention": "enforced",
            "uniformBucketLevelAccess": True,
            "encryption": {"defaultKmsKeyName": KEY},
            "versioning": {"enabled": True},
            "softDeletePolicy": {"retentionDurationSeconds": 604800},
            "lifecycleRules": [
                {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
                {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 90}},
            ],
            "logging": {"logBucket": "elsewhere"},
            "forceDestroy": False,
        },
        protect=True,
        retainOnDelete=True,
    ),
    "acl": {"type": "gcp:storage/bucketACL:BucketACL", "inputs": {"roleEntities": ["READER:user-a@b.c"]}},
    "object-acl": {
        "type": "gcp:storage/objectAccessControl:ObjectAccessControl",
        "inputs": {"role": "READER", "entity": "user-a@b.c"},
    },
    "repository": encrypted(
        "gcp:artifactregistry/repository:Repository",
        {
            "vulnerabilityScanningConfig": {"enablementConfig": "INHERITED"},
            "dockerConfig": {"immutableTags": True},
            "cleanupPolicies": [{"id": "untagged", "action": "DELETE"}],
            "kmsKeyName": KEY,
        },
    ),
    "scanner": {
        "type": "gcp:projects/service:Service",
        "inputs": {"service": "containerscanning.googleapis.com"},
    },
    "image": {"type": "docker-build:index:Image", "inputs": {"target": "nonroot"}},
}

IDENTITY: Records = {
    "account": {
        "type": "gcp:serviceaccount/account:Account",
        "inputs": {"accountId": "shop-training"},
    },
    "member": {
        "type": "gcp:projects/iAMMember:IAMMember",
        "inputs": {"role": "roles/logging.logWriter", "member": f"serviceAccount:{ACCOUNT}"},
    },
    "binding": {
        "type": "gcp:storage/bucketIAMBinding:BucketIAMBinding",
        "inputs": {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{ACCOUNT}", PEOPLE]},
    },
    "folder-binding": {
        "type": "gcp:folder/iAMBinding:IAMBinding",
        "inputs": {"role": "roles/logging.viewer", "members": [f"serviceAccount:{ACCOUNT}"]},
    },
    "policy": {
        "type": "gcp:artifactregistry/repositoryIamPolicy:RepositoryIamPolicy",
        "inputs": {
            "policyData": json.dumps(
                {"bindings": [{"role": "roles/artifactregistry.reader", "members": [PEOPLE]}]}
            )
        },
    },
}

NETWORK: Records = {
    "network": {
        "type": "gcp:compute/network:Network",
        "inputs": {"name": "shop", "autoCreateSubnetworks": False},
        "outputs": {"id": NETWORK_NAME},
    },
    "project": {"type": "gcp:organizations/project:Project", "inputs": {"autoCreateNetwork": False}},
    "subnet": {
        "type": "gcp:compute/subnetwork:Subnetwork",
        "inputs": {"privateIpGoogleAccess": True, "logConfig": {"flowSampling": 0.5}},
    },
    "in": {
        "type": "gcp:compute/firewall:Firewall",
        "inputs": {
            "network": NETWORK_NAME,
            "allows": [{"protocol": "tcp"}],
            "sourceRanges": ["10.20.0.0/16"],
        },
    },
    "out": {
        "type": "gcp:compute/firewall:Firewall",
        "inputs": {
            "network": NETWORK_NAME,
            "direction": "EGRESS",
            "allows": [{"protocol": "tcp"}],
            "destinationRanges": ["10.20.0.0/16"],
        },
    },
    "out-nothing-else": {
        "type": "gcp:compute/firewall:Firewall",
        "inputs": {
            "network": NETWORK_NAME,
            "direction": "EGRESS",
            "denies": [{"protocol": "all"}],
            "destinationRanges": ["0.0.0.0/0"],
        },
    },
}

MACHINE: dict[str, Any] = {
    "serviceAccount": {"email": ACCOUNT},
    "metadata": LOGINS,
    "shieldedInstanceConfig": SHIELDED,
    "networkInterfaces": [{"subnetwork": "shop"}],
    "canIpForward": False,
}
NODES: dict[str, Any] = {
    "serviceAccount": ACCOUNT,
    "workloadMetadataConfig": {"mode": "GKE_METADATA"},
    "shieldedInstanceConfig": {"enableSecureBoot": True, "enableIntegrityMonitoring": True},
}
MACHINES: Records = {
    "template": {
        "type": "gcp:compute/instanceTemplate:InstanceTemplate",
        "inputs": {**MACHINE, "disks": [{"diskEncryptionKey": {"kmsKeySelfLink": KEY}}]},
    },
    "instance": {
        "type": "gcp:compute/instance:Instance",
        "inputs": {**MACHINE, "bootDisk": {"kmsKeySelfLink": KEY}},
    },
    "gke": {
        "type": "gcp:container/cluster:Cluster",
        "inputs": {
            "privateClusterConfig": {"enablePrivateNodes": True, "enablePrivateEndpoint": False},
            "masterAuthorizedNetworksConfig": {"cidrBlocks": [{"cidrBlock": "10.0.0.0/8"}]},
            "workloadIdentityConfig": {"workloadPool": "shop.svc.id.goog"},
            "enableShieldedNodes": True,
            "binaryAuthorization": {"evaluationMode": "PROJECT_SINGLETON_POLICY_ENFORCE"},
            "databaseEncryption": {"state": "ENCRYPTED", "keyName": KEY},
            "releaseChannel": {"channel": "STABLE"},
            "enableIntranodeVisibility": True,
            "deletionProtection": True,
            "nodeConfig": NODES,
        },
    },
    "pool": {"type": "gcp:container/nodePool:NodePool", "inputs": {"nodeConfig": NODES}},
    "notebook": {
        "type": "gcp:workbench/instance:Instance",
        "inputs": {
            "gceSetup": {
                "disablePublicIp": True,
                "shieldedInstanceConfig": SHIELDED,
                "bootDisk": {"kmsKey": KEY},
                "dataDisks": {"kmsKey": KEY},
                "metadata": {"notebook-disable-root": "true"},
            }
        },
    },
}

TRAINING: Records = {
    "run": encrypted(
        "mlcloud:gcp:TrainingRun",
        {
            "serviceAccount": ACCOUNT,
            "networkAttachment": ATTACHMENT,
            "kmsKeyName": KEY,
            "timeoutS": 3600,
        },
    ),
    "machines": encrypted(
        "gcp:vertex/aiPersistentResource:AiPersistentResource",
        {
            "pscInterfaceConfig": {"networkAttachment": ATTACHMENT},
            "encryptionSpec": {"kmsKeyName": KEY},
        },
    ),
    **{
        kind: {"type": f"gcp:vertex/{kind}:A{kind[1:]}", "inputs": {"encryptionSpec": {"kmsKeyName": KEY}}}
        for kind in ("aiDataset", "aiFeatureStore", "aiMetadataStore", "aiTensorboard")
    },
}

SERVING: Records = {
    "model": encrypted("mlcloud:gcp:Model", {"kmsKeyName": KEY, "env": {"MODEL": "shop"}}),
    "endpoint": encrypted(
        "gcp:vertex/aiEndpoint:AiEndpoint",
        {
            "network": "projects/1/global/networks/shop",
            "encryptionSpec": {"kmsKeyName": KEY},
            "predictRequestResponseLoggingConfig": {"enabled": True},
        },
    ),
    "index-endpoint": {
        "type": "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint",
        "inputs": {
            "privateServiceConnectConfig": {
                "enablePrivateServiceConnect": True,
                "projectAllowlists": ["shop"],
            },
            "encryptionSpec": {"kmsKeyName": KEY},
        },
    },
    "deployment": {
        "type": "mlcloud:gcp:ModelDeployment",
        "inputs": {"minReplicas": 2, "serviceAccount": ACCOUNT},
    },
    "log-bucket": encrypted(
        "gcp:logging/projectBucketConfig:ProjectBucketConfig",
        {"retentionDays": 365, "cmekSettings": {"kmsKeyName": KEY}},
    ),
    "alert": {
        "type": "gcp:monitoring/alertPolicy:AlertPolicy",
        "inputs": {"notificationChannels": [f"{PROJECT}/notificationChannels/1"], "enabled": True},
    },
    "channel": {
        "type": "gcp:monitoring/notificationChannel:NotificationChannel",
        "inputs": {"enabled": True},
    },
}

GOOD: Records = {**KEYS, **STORAGE, **IDENTITY, **NETWORK, **MACHINES, **TRAINING, **SERVING}

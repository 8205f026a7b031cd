"""A plan for prod on AWS to which no control has anything to say: a resource of every kind that is judged."""

from __future__ import annotations

import json

from support.policy import Records, allow, document

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:topic"
FROM_HERE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
EVERYTHING = ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]
DENY = {"Effect": "Deny", "Action": "s3:*", "Principal": "*", "Resource": EVERYTHING}
NO_TLS = {**DENY, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
OLD_TLS = {**DENY, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}
PLACE = {"subnets": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-1"]}
SERVICES = "sagemaker.api sagemaker.runtime ecr.api ecr.dkr logs sts kms s3"
RUN = {"networkIsolation": True, "subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"], "kmsKeyArn": KEY}

STORAGE: Records = {
    "bucket": {
        "type": "aws:s3/bucket:Bucket",
        "inputs": {"bucket": "data", "forceDestroy": False, "objectLockEnabled": True},
        "protect": True,
        "retainOnDelete": True,
    },
    "public-access": {
        "type": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "inputs": {
            "bucket": "data",
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
    },
    "bucket-policy": {
        "type": "aws:s3/bucketPolicy:BucketPolicy",
        "inputs": {"bucket": "data", "policy": document(NO_TLS, OLD_TLS)},
    },
    "ownership": {
        "type": "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "inputs": {"bucket": "data", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
    },
    "encryption": {
        "type": "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "inputs": {
            "bucket": "data",
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY},
                    "bucketKeyEnabled": True,
                }
            ],
        },
    },
    "versioning": {
        "type": "aws:s3/bucketVersioning:BucketVersioning",
        "inputs": {
            "bucket": "data",
            "versioningConfiguration": {"status": "Enabled", "mfaDelete": "Enabled"},
        },
    },
    "lifecycle": {
        "type": "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "inputs": {
            "bucket": "data",
            "rules": [
                {
                    "status": "Enabled",
                    "noncurrentVersionExpiration": {"noncurrentDays": 90},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ],
        },
    },
    "logging": {
        "type": "aws:s3/bucketLogging:BucketLogging",
        "inputs": {"bucket": "data", "targetBucket": "elsewhere"},
    },
    "events": {
        "type": "aws:s3/bucketNotification:BucketNotification",
        "inputs": {"bucket": "data", "eventbridge": True},
    },
    "replication": {
        "type": "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "inputs": {"bucket": "data"},
    },
}

REGISTRY_AND_KEYS: Records = {
    "repository": {
        "type": "aws:ecr/repository:Repository",
        "inputs": {
            "name": "trainer",
            "imageScanningConfiguration": {"scanOnPush": True},
            "imageTagMutability": "IMMUTABLE",
            "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": KEY}],
        },
    },
    "images-lifecycle": {
        "type": "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "inputs": {"repository": "trainer", "policy": '{"rules": []}'},
    },
    "repository-policy": {
        "type": "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "inputs": {
            "policy": document(allow("ecr:BatchGetImage", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        },
    },
    "image": {"type": "docker-build:index:Image", "inputs": {"target": "nonroot"}},
    "key": {
        "type": "aws:kms/key:Key",
        "inputs": {
            "enableKeyRotation": True,
            "deletionWindowInDays": 30,
            "policy": document(
                allow("kms:*", resource="*", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
                allow(
                    "kms:Decrypt",
                    resource="*",
                    principal={"Service": "cloudwatch.amazonaws.com"},
                    condition=FROM_HERE,
                ),
            ),
        },
    },
}

IDENTITY: Records = {
    "role": {
        "type": "aws:iam/role:Role",
        "inputs": {
            "assumeRolePolicy": document(
                allow("sts:AssumeRole", principal={"Service": "sagemaker.amazonaws.com"}, condition=FROM_HERE)
            ),
            "managedPolicyArns": [f"arn:aws:iam::{ACCOUNT}:policy/own"],
        },
    },
    "role-policy": {
        "type": "aws:iam/rolePolicy:RolePolicy",
        "inputs": {
            "policy": document(
                allow("s3:GetObject", resource="arn:aws:s3:::data/*"),
                allow("kms:Decrypt", resource=KEY),
                allow("ecr:GetAuthorizationToken", resource="*"),
                allow(
                    "iam:PassRole",
                    resource=f"arn:aws:iam::{ACCOUNT}:role/shop-training",
                    condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
            )
        },
    },
    "attachment": {
        "type": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "inputs": {"policyArn": "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"},
    },
}

NETWORK: Records = {
    "vpc": {"type": "aws:ec2/vpc:Vpc", "inputs": {}, "outputs": {"id": "vpc-1"}},
    "default-group": {
        "type": "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "inputs": {"vpcId": "vpc-1", "ingress": [], "egress": []},
    },
    "flow-log": {"type": "aws:ec2/flowLog:FlowLog", "inputs": {"vpcId": "vpc-1", "trafficType": "ALL"}},
    "subnet": {"type": "aws:ec2/subnet:Subnet", "inputs": {"mapPublicIpOnLaunch": False}},
    "group": {
        "type": "aws:ec2/securityGroup:SecurityGroup",
        "inputs": {
            "description": "Training",
            "ingress": [{"cidrBlocks": ["10.0.0.0/16"], "protocol": "tcp", "description": "inside"}],
            "egress": [{"cidrBlocks": ["10.0.0.0/16"], "protocol": "tcp", "description": "inside"}],
        },
    },
    "in": {
        "type": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "inputs": {"cidrIpv4": "10.0.0.0/16", "ipProtocol": "-1", "description": "inside"},
    },
    "out": {
        "type": "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "inputs": {"prefixListId": "pl-1", "ipProtocol": "tcp", "description": "S3"},
    },
    "rule": {
        "type": "aws:ec2/securityGroupRule:SecurityGroupRule",
        "inputs": {"type": "egress", "protocol": "tcp", "cidrBlocks": ["10.0.0.0/16"], "description": "in"},
    },
    **{
        f"endpoint-{service}": {
            "type": "aws:ec2/vpcEndpoint:VpcEndpoint",
            "inputs": {
                "vpcId": "vpc-1",
                "serviceName": f"com.amazonaws.eu-central-1.{service}",
                "vpcEndpointType": "Gateway" if service == "s3" else "Interface",
                "privateDnsEnabled": service != "s3",
                "policy": document(
                    allow(
                        "s3:*",
                        resource="*",
                        principal="*",
                        condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
                    )
                ),
            },
        }
        for service in SERVICES.split()
    },
}

MACHINES: Records = {
    "template": {
        "type": "aws:ec2/launchTemplate:LaunchTemplate",
        "inputs": {
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "networkInterfaces": [{"associatePublicIpAddress": "false"}],
            "blockDeviceMappings": [{"ebs": {"encrypted": "true"}}],
        },
    },
    "eks": {
        "type": "aws:eks/cluster:Cluster",
        "inputs": {
            "vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["192.0.2.0/24"]},
            "upgradePolicy": {"supportType": "STANDARD"},
            "encryptionConfig": {"provider": {"keyArn": KEY}, "resources": ["secrets"]},
            "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"],
        },
    },
    "notebook": {
        "type": "aws:sagemaker/notebookInstance:NotebookInstance",
        "inputs": {
            "directInternetAccess": "Disabled",
            "subnetId": "subnet-1",
            "rootAccess": "Disabled",
            "kmsKeyId": KEY,
            "instanceMetadataServiceConfiguration": {"minimumInstanceMetadataServiceVersion": "2"},
        },
    },
    "domain": {
        "type": "aws:sagemaker/domain:Domain",
        "inputs": {"kmsKeyId": KEY, "appNetworkAccessType": "VpcOnly"},
    },
}

TRAINING: Records = {
    "run": {
        "type": "mlcloud:aws:TrainingRun",
        "inputs": {**RUN, "encryptBetweenContainers": True, "instanceCount": 2, "timeoutS": 3600},
    },
    "job": {
        "type": "aws:sagemaker/trainingJob:TrainingJob",
        "inputs": {
            "enableNetworkIsolation": True,
            "vpcConfig": PLACE,
            "enableInterContainerTrafficEncryption": True,
            "resourceConfig": {"instanceCount": 2, "volumeKmsKeyId": KEY},
            "outputDataConfig": {"kmsKeyId": KEY},
            "stoppingCondition": {"maxRuntimeInSeconds": 3600},
        },
    },
    "monitor": {
        "type": "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",
        "inputs": {
            "networkConfig": {
                "enableNetworkIsolation": True,
                "enableInterContainerTrafficEncryption": True,
            },
            "jobResources": {"clusterConfig": {"volumeKmsKeyId": KEY}},
            "dataQualityJobOutputConfig": {"kmsKeyId": KEY},
        },
    },
}

SERVING: Records = {
    "model": {
        "type": "aws:sagemaker/model:Model",
        "inputs": {"name": "shop", "enableNetworkIsolation": True, "vpcConfig": PLACE},
    },
    "configuration": {
        "type": "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "inputs": {
            "kmsKeyArn": KEY,
            "productionVariants": [{"instanceType": "ml.m5.large", "initialInstanceCount": 2}],
            "dataCaptureConfig": {"kmsKeyId": KEY},
            "asyncInferenceConfig": {"outputConfig": {"kmsKeyId": KEY}},
        },
    },
    "function": {
        "type": "aws:lambda/function:Function",
        "inputs": {
            "environment": {
                "variables": {
                    "MODEL": "shop",
                    "DB_SECRET": f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:db",
                }
            }
        },
    },
    "batch-job": {
        "type": "aws:batch/jobDefinition:JobDefinition",
        "inputs": {"containerProperties": json.dumps({"environment": [{"name": "MODEL", "value": "shop"}]})},
    },
    "log-group": {
        "type": "aws:cloudwatch/logGroup:LogGroup",
        "inputs": {"retentionInDays": 365, "kmsKeyId": KEY},
    },
    "alarm": {
        "type": "aws:cloudwatch/metricAlarm:MetricAlarm",
        "inputs": {"alarmActions": [TOPIC], "actionsEnabled": True, "treatMissingData": "breaching"},
    },
    "topic": {"type": "aws:sns/topic:Topic", "inputs": {"kmsMasterKeyId": KEY}},
    "topic-policy": {
        "type": "aws:sns/topicPolicy:TopicPolicy",
        "inputs": {
            "policy": document(
                allow(
                    "sns:Publish",
                    resource=TOPIC,
                    principal={"Service": "cloudwatch.amazonaws.com"},
                    condition=FROM_HERE,
                )
            )
        },
    },
}

GOOD: Records = {
    **STORAGE,
    **REGISTRY_AND_KEYS,
    **IDENTITY,
    **NETWORK,
    **MACHINES,
    **TRAINING,
    **SERVING,
}

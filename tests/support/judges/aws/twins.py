"""As what CloudFormation knows each type that is declared on AWS, and what it cannot express.

Names are found in CloudFormation's schema; what is told here differs in more than case and number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.judges.aws.translation import (
    Elsewhere,
    Inputs,
    Part,
    Shaped,
    Told,
    Twin,
    Unjudged,
)

# Tags are a service's, not a type's: where CloudFormation gives a type none, another one judges them.
EC2_TAGS = Elsewhere("AWS::EC2::EIP")
IAM_TAGS = Elsewhere("AWS::IAM::User")


def _notifications(declared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who is told what of a budget: CloudFormation has the two apart."""
    kinds = {"subscriberSnsTopicArns": "SNS", "subscriberEmailAddresses": "EMAIL"}
    return [
        {
            "Notification": {
                key[:1].upper() + key[1:]: value for key, value in item.items() if key not in kinds
            },
            "Subscribers": [
                {"Address": address, "SubscriptionType": kind}
                for key, kind in kinds.items()
                for address in item.get(key, [])
            ],
        }
        for item in declared
    ]


def _bucket(at: str, names: Mapping[str, Told] | None = None) -> Twin:
    """A property of a bucket, which the provider declares apart."""
    return Twin(
        type="AWS::S3::Bucket",
        at=at,
        names={"bucket": "/BucketName", **(names or {})},
        part=Part("aws:s3/bucket:Bucket", (("bucket", "bucket"),)),
    )


def _rule(way: str) -> Twin:
    end = "Source" if way == "Ingress" else "Destination"
    return Twin(
        type=f"AWS::EC2::SecurityGroup{way}",
        names={
            "securityGroupId": "GroupId",
            "referencedSecurityGroupId": f"{end}SecurityGroupId",
            "prefixListId": f"{end}PrefixListId",
            "cidrIpv4": "CidrIp",
            "tags": EC2_TAGS,
        },
    )


def _routing(inputs: Inputs) -> dict[str, Any]:
    """What our provider says of how traffic moves (components/mlcloud/provider/aws/endpoint_change.py)."""
    size = {"canaryPercent": ("CANARY", "CanarySize"), "linearStepPercent": ("LINEAR", "LinearStepSize")}
    kind, step = next((size[key] for key in size if key in inputs), ("ALL_AT_ONCE", ""))
    return {
        f"{_ROUTING}/Type": kind,
        **({f"{_ROUTING}/{step}/Type": "CAPACITY_PERCENT"} if step else {}),
    }


_BLUE_GREEN = "DeploymentConfig/BlueGreenUpdatePolicy"
_ROUTING = f"{_BLUE_GREEN}/TrafficRoutingConfiguration"

TWINS: Mapping[str, Twin] = {
    "aws:appautoscaling/policy:Policy": Twin(
        type="AWS::ApplicationAutoScaling::ScalingPolicy", names={"name": "PolicyName"}
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": Twin(
        type="AWS::ApplicationAutoScaling::ScalableTarget",
        at="ScheduledActions/+",
        names={
            "name": "ScheduledActionName",
            **{key: f"/{key[:1].upper()}{key[1:]}" for key in ("resourceId", "scalableDimension")},
            "serviceNamespace": "/ServiceNamespace",
        },
        part=Part(
            "aws:appautoscaling/target:Target",
            tuple((key, key) for key in ("resourceId", "scalableDimension", "serviceNamespace")),
        ),
    ),
    "aws:appautoscaling/target:Target": Twin(type="AWS::ApplicationAutoScaling::ScalableTarget"),
    "aws:batch/computeEnvironment:ComputeEnvironment": Twin(
        type="AWS::Batch::ComputeEnvironment",
        # The provider ends it with letters of its own.
        names={"namePrefix": "ComputeEnvironmentName"},
    ),
    "aws:batch/jobDefinition:JobDefinition": Twin(
        type="AWS::Batch::JobDefinition", names={"name": "JobDefinitionName"}
    ),
    "aws:batch/jobQueue:JobQueue": Twin(type="AWS::Batch::JobQueue", names={"name": "JobQueueName"}),
    "aws:budgets/budget:Budget": Twin(
        type="AWS::Budgets::Budget",
        at="Budget",
        names={
            "name": "BudgetName",
            "limitAmount": "BudgetLimit/Amount",
            "limitUnit": "BudgetLimit/Unit",
            "filterExpression.ands": "And",
            "metrics": Shaped("Metrics", lambda metric: [metric]),
            "notifications": Shaped("/NotificationsWithSubscribers", _notifications),
            "tags": "/ResourceTags",
        },
    ),
    "aws:cloudwatch/dashboard:Dashboard": Twin(type="AWS::CloudWatch::Dashboard"),
    "aws:cloudwatch/eventRule:EventRule": Twin(type="AWS::Events::Rule"),
    "aws:cloudwatch/eventTarget:EventTarget": Twin(
        type="AWS::Events::Rule",
        at="Targets/+",
        names={"rule": "/Name", "targetId": "Id"},
        part=Part("aws:cloudwatch/eventRule:EventRule", (("rule", "name"),)),
        filled=lambda inputs: {} if "targetId" in inputs else {"Id": "made-by-the-provider"},
    ),
    "aws:cloudwatch/logGroup:LogGroup": Twin(type="AWS::Logs::LogGroup", names={"name": "LogGroupName"}),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Twin(type="AWS::Logs::ResourcePolicy"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Twin(
        type="AWS::CloudWatch::Alarm",
        names={
            "name": "AlarmName",
            "metricQueries": "Metrics",
            "metricQueries.metric": "MetricStat",
            "metricQueries.metric.metricName": "Metric/MetricName",
            "metricQueries.metric.namespace": "Metric/Namespace",
            "metricQueries.metric.dimensions": "Metric/Dimensions",
        },
    ),
    "aws:ec2/flowLog:FlowLog": Twin(
        type="AWS::EC2::FlowLog",
        names={"iamRoleArn": "DeliverLogsPermissionArn", "vpcId": "ResourceId"},
        filled=lambda _: {"ResourceType": "VPC"},
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Twin(
        type="AWS::EC2::LaunchTemplate",
        at="LaunchTemplateData",
        names={
            "name": "/LaunchTemplateName",
            "networkInterfaces.securityGroups": "Groups",
            "tags": Shaped(
                "/TagSpecifications",
                lambda tags: [
                    {
                        "ResourceType": "launch-template",
                        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                    }
                ],
            ),
            "updateDefaultVersion": Unjudged("how the provider versions a template, not what AWS is told"),
        },
    ),
    "aws:ec2/placementGroup:PlacementGroup": Twin(
        type="AWS::EC2::PlacementGroup",
        names={"name": Unjudged("CloudFormation names placement groups by itself")},
    ),
    "aws:ec2/routeTable:RouteTable": Twin(type="AWS::EC2::RouteTable"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Twin(type="AWS::EC2::SubnetRouteTableAssociation"),
    "aws:ec2/securityGroup:SecurityGroup": Twin(
        type="AWS::EC2::SecurityGroup", names={"name": "GroupName", "description": "GroupDescription"}
    ),
    "aws:ec2/subnet:Subnet": Twin(type="AWS::EC2::Subnet"),
    "aws:ec2/vpc:Vpc": Twin(type="AWS::EC2::VPC"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Twin(type="AWS::EC2::VPCEndpoint", names={"policy": "PolicyDocument"}),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Twin(
        type="AWS::ECR::Repository",
        at="LifecyclePolicy",
        names={"repository": "/RepositoryName", "policy": "LifecyclePolicyText"},
        part=Part("aws:ecr/repository:Repository", (("repository", "name"),)),
    ),
    "aws:ecr/repository:Repository": Twin(
        type="AWS::ECR::Repository",
        names={
            "name": "RepositoryName",
            "encryptionConfigurations": "EncryptionConfiguration",
            "forceDelete": "EmptyOnDelete",
        },
    ),
    "aws:iam/instanceProfile:InstanceProfile": Twin(
        type="AWS::IAM::InstanceProfile",
        names={
            "name": "InstanceProfileName",
            "role": Shaped("Roles", lambda role: [role]),
            "tags": IAM_TAGS,
        },
    ),
    "aws:iam/policy:Policy": Twin(
        type="AWS::IAM::ManagedPolicy",
        names={"name": "ManagedPolicyName", "policy": "PolicyDocument", "tags": IAM_TAGS},
    ),
    "aws:iam/role:Role": Twin(
        type="AWS::IAM::Role", names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    ),
    "aws:iam/rolePolicy:RolePolicy": Twin(
        type="AWS::IAM::RolePolicy",
        names={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Twin(
        type="AWS::IAM::Role",
        names={"role": "RoleName", "policyArn": Shaped("ManagedPolicyArns/+", lambda arn: arn)},
        part=Part("aws:iam/role:Role", (("role", "name"),)),
    ),
    "aws:kms/alias:Alias": Twin(type="AWS::KMS::Alias", names={"name": "AliasName"}),
    "aws:kms/key:Key": Twin(
        type="AWS::KMS::Key", names={"deletionWindowInDays": "PendingWindowInDays", "policy": "KeyPolicy"}
    ),
    "aws:s3/bucket:Bucket": Twin(
        type="AWS::S3::Bucket",
        names={
            "bucket": "BucketName",
            "forceDestroy": Unjudged("how the provider deletes a bucket, not what AWS is told"),
        },
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket(
        "LifecycleConfiguration",
        {"rules.filter": ".", "rules.expiration": ".", "rules.expiration.days": "ExpirationInDays"},
    ),
    "aws:s3/bucketLogging:BucketLogging": _bucket(
        "LoggingConfiguration", {"targetBucket": "DestinationBucketName", "targetPrefix": "LogFilePrefix"}
    ),
    "aws:s3/bucketNotification:BucketNotification": _bucket(
        "NotificationConfiguration", {"eventbridge": "EventBridgeConfiguration/EventBridgeEnabled"}
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket(
        "OwnershipControls", {"rule": "Rules/0"}
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Twin(
        type="AWS::S3::BucketPolicy", names={"policy": "PolicyDocument"}
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket("PublicAccessBlockConfiguration"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket(
        "BucketEncryption",
        {
            "rules": "ServerSideEncryptionConfiguration",
            "rules.applyServerSideEncryptionByDefault": "ServerSideEncryptionByDefault",
            "rules.applyServerSideEncryptionByDefault.kmsMasterKeyId": "KMSMasterKeyID",
        },
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _bucket("", {}),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": Twin(
        type="AWS::SageMaker::EndpointConfig",
        names={"name": "EndpointConfigName", "kmsKeyArn": "KmsKeyId"},
    ),
    "aws:sagemaker/model:Model": Twin(type="AWS::SageMaker::Model", names={"name": "ModelName"}),
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": Twin(type="AWS::SageMaker::ModelPackageGroup"),
    "aws:sns/topic:Topic": Twin(type="AWS::SNS::Topic", names={"name": "TopicName"}),
    "aws:sns/topicPolicy:TopicPolicy": Twin(
        type="AWS::SNS::TopicPolicy",
        names={"arn": Shaped("Topics", lambda arn: [arn]), "policy": "PolicyDocument"},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Twin(
        type="AWS::SNS::Subscription", names={"topic": "TopicArn"}
    ),
    "mlcloud:aws:Endpoint": Twin(
        type="AWS::SageMaker::Endpoint",
        names={
            "name": "EndpointName",
            "alarmNames": Shaped(
                "DeploymentConfig/AutoRollbackConfiguration/Alarms",
                lambda names: [{"AlarmName": name} for name in names],
            ),
            "canaryPercent": f"{_ROUTING}/CanarySize/Value",
            "linearStepPercent": f"{_ROUTING}/LinearStepSize/Value",
            "waitS": f"{_ROUTING}/WaitIntervalInSeconds",
            "terminationWaitS": f"{_BLUE_GREEN}/TerminationWaitInSeconds",
            "timeoutS": f"{_BLUE_GREEN}/MaximumExecutionTimeoutInSeconds",
            "region": Unjudged("where our provider works, in no call"),
            "retainedConfigs": Unjudged("how many our provider keeps, in no call"),
            "modelUri": Unjudged("where the smoke prediction is read, in no call of SageMaker"),
            "modelSha256": Unjudged("what the model read there must be, in no call"),
        },
        filled=_routing,
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress"),
}
"""Types and their twins; `aws:cloudcontrol/resource:Resource` names its own."""

WITHOUT: Mapping[str, str] = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "CloudFormation cannot take over a default group",
    "aws:s3/bucketObjectv2:BucketObjectv2": "CloudFormation has no objects in buckets",
    "docker-build:index:Image": "docker builds it; only the registry sees what comes out",
    "mlcloud:aws:BatchTrainingRun": "judged by the calls that it makes",
    "mlcloud:aws:EndpointRevision": "a name, which no call sends",
    "mlcloud:aws:TrainingRun": "judged by the calls that it makes",
}
"""Types that CloudFormation does not have, and why nothing here is judged as one."""

"""Controls of IAM: who has which role, and how service accounts prove who they are."""

import re
from collections.abc import Iterator
from typing import Any, Final

from mlcloud.core.errors import Problem
from mlcloud.policy.control import Control
from mlcloud.policy.gcp.bindings import Binding, binds, binds_widely, of_bindings
from mlcloud.policy.gcp.endpoint import DEPLOYMENT
from mlcloud.policy.gcp.training import RUN
from mlcloud.policy.judging import expect, is_given, problem
from mlcloud.policy.resource import UNKNOWN, Declared, Resource

_ACCOUNT: Final = "gcp:serviceaccount/account:Account"
_KEYS: Final = ("gcp:serviceaccount/key:Key", "gcp:storage/hmacKey:HmacKey")
_ACL_ENTITIES: Final = {
    "gcp:storage/bucketAccessControl:BucketAccessControl": "entity",
    "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl": "entity",
    "gcp:storage/objectAccessControl:ObjectAccessControl": "entity",
    "gcp:storage/bucketACL:BucketACL": "roleEntities[*]",
    "gcp:storage/defaultObjectACL:DefaultObjectACL": "roleEntities[*]",
    "gcp:storage/objectACL:ObjectACL": "roleEntities[*]",
}
_EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")
_PUBLIC_ACLS: Final = ("publicRead", "publicReadWrite", "authenticatedRead")
_BASIC: Final = ("roles/owner", "roles/editor", "roles/viewer")
# With one of these on a project, one has the rights of every service account in it
# (https://cloud.google.com/iam/docs/service-account-permissions).
_IMPERSONATES: Final = (
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.workloadIdentityUser",
)
_ADMIN: Final = re.compile(r"admin$", re.IGNORECASE)
# https://cloud.google.com/iam/docs/service-account-types#default
_DEFAULT_ACCOUNT: Final = re.compile(
    r"-compute@developer\.gserviceaccount\.com$|@appspot\.gserviceaccount\.com$"
)


def is_default_account(account: Any) -> bool:
    """Return whether a service account is one that Google made: machines get it where none is named."""
    return isinstance(account, str) and _DEFAULT_ACCOUNT.search(account) is not None


def is_own_account(account: Any) -> bool:
    """Return whether a service account is named, and is not a default one."""
    return is_given(account) and account != "default" and not is_default_account(account)


def _grants(resource: Resource, declared: Declared) -> bool:
    return resource.type in _ACL_ENTITIES or binds(resource, declared)


def _nobody_else(resource: Resource, declared: Declared) -> Iterator[Problem]:
    path = _ACL_ENTITIES.get(resource.type)
    if path is None:
        yield from of_bindings(_named_members)(resource, declared)
        return
    for at, value in resource.values(path):
        # An ACL's entity alone, or behind its role: `READER:allUsers`.
        if value == UNKNOWN or (isinstance(value, str) and value.endswith(_EVERYBODY)):
            yield problem(at, value, "a named group or account", "name who may, by an IAM member")
    if resource.value("predefinedAcl") in _PUBLIC_ACLS:
        yield problem("predefinedAcl", resource.value("predefinedAcl"), "none that is public")


def _named_members(binding: Binding) -> Iterator[Problem]:
    for at, member in binding.members:
        if member == UNKNOWN or member in _EVERYBODY:
            yield problem(at, member, "a named user, group or service account", "name who may")


def _named_rights(binding: Binding) -> Iterator[Problem]:
    if binding.role == UNKNOWN or binding.role in _BASIC:
        fix = "grant a role of the service, or a custom role"
        yield problem(binding.path, binding.role, "not owner, editor or viewer", fix)


def _on_one_account(binding: Binding) -> Iterator[Problem]:
    if binding.role == UNKNOWN or binding.role in _IMPERSONATES:
        fix = "grant it on the one service account (`serviceaccount.IAMMember`)"
        yield problem(binding.path, binding.role, "no role that acts as every service account", fix)


def _no_admin(binding: Binding) -> Iterator[Problem]:
    machines = [who for _, who in binding.members if who == UNKNOWN or who.startswith("serviceAccount:")]
    if machines and (binding.role == UNKNOWN or _ADMIN.search(binding.role)):
        fix = "grant what the account needs, on the resource that it is about"
        yield problem(binding.path, binding.role, "no role of an administrator", fix)


def _no_default_member(binding: Binding) -> Iterator[Problem]:
    for at, member in binding.members:
        if member == UNKNOWN or is_default_account(member):
            yield problem(at, member, "an account of the stack's own", "make a service account for it")


def _no_key(resource: Resource, _declared: Declared) -> Iterator[Problem]:
    if resource.type in _KEYS:
        fix = "use the machine's own account, impersonation, or workload identity federation"
        yield problem(resource.kind, resource.name, "no key at all", fix)


CONTROLS: Final = (
    Control(
        id="identity-not-public",
        sources=["CKV_GCP_28", "CKV_GCP_101", "CKV_GCP_112", "CKV2_GCP_6", "CKV2_GCP_8", "CKV2_GCP_9"],
        title="No role, and no ACL, is for everybody",
        severity="critical",
        why="Whoever knows the name reads the data, replaces the model or uses the key.",
        types=[],
        judge=_nobody_else,
        applies=_grants,
    ),
    Control(
        id="identity-no-basic-roles",
        sources=["CKV_GCP_115", "CKV_GCP_116", "CKV_GCP_117"],
        title="Nobody is owner, editor or viewer",
        severity="high",
        why="A basic role holds thousands of rights, of every service.",
        types=[],
        judge=of_bindings(_named_rights),
        applies=binds,
    ),
    Control(
        id="identity-no-wide-impersonation",
        sources=["CKV_GCP_41", "CKV_GCP_49"],
        title="Nobody acts as every service account of a project",
        severity="high",
        why="Whoever can act as any account has the rights of all of them.",
        types=[],
        judge=of_bindings(_on_one_account),
        applies=binds_widely,
    ),
    Control(
        id="identity-no-admin-accounts",
        sources=["CKV_GCP_42"],
        title="No service account is an administrator of a project",
        severity="high",
        why="An administrator's credentials lie in a container.",
        types=[],
        judge=of_bindings(_no_admin),
        applies=binds_widely,
    ),
    Control(
        id="identity-no-default-accounts",
        sources=["CKV_GCP_46"],
        title="Google's default service accounts get no roles",
        severity="high",
        why="Everything in the project that names no account gets these rights, too.",
        types=[],
        judge=of_bindings(_no_default_member),
        applies=binds,
    ),
    Control(
        id="identity-no-keys",
        sources=["CKV2_GCP_3", "iam.disableServiceAccountKeyCreation"],
        title="Service accounts have no keys",
        severity="high",
        why="A key is a password in a file that works from anywhere and never ends.",
        types=[_ACCOUNT, *_KEYS],
        judge=_no_key,
    ),
    Control(
        id="identity-own-account",
        sources=["CKV_GCP_30", "own"],
        title="Training and serving work as accounts of their own",
        severity="high",
        why="Google's default account may read every bucket of the project.",
        types=[RUN, DEPLOYMENT],
        judge=expect(
            "serviceAccount", is_own_account, "a service account of its own", "make one, with what it needs"
        ),
    ),
)

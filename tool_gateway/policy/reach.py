"""Which resources a policy's scope can reach.

Decides: whether the scope alone rules a policy out for an action on a resource, whose groups are known. Does not
decide whether its conditions hold. Doubt says that it can apply.
"""

from cedarpy import pst

from tool_gateway.policy.question import Action, ModelResource, Resource, ToolResource

ACTIONS: tuple[Action, ...] = ("call", "send", "read_context", "serve")


def entity_of(resource: Resource) -> tuple[str, str]:
    """Type and id."""
    return ("Tool", str(resource.ref)) if isinstance(resource, ToolResource) else ("Model", resource.name)


def parents_of(resource: Resource) -> tuple[tuple[str, str], ...]:
    """What a resource is in."""
    if isinstance(resource, ModelResource):
        return ()
    return (("Server", resource.ref.server), *(("ToolGroup", group) for group in sorted(resource.groups)))


def may_apply(policy: pst.Template, action: Action, resource: Resource) -> bool:
    """Whether the policy's scope can match, whoever asks."""
    return covers_action(policy, action) and _covers(policy.resource, resource)


def covers_action(policy: pst.Template, action: Action) -> bool:
    """Whether the policy speaks about this action. An action that is none of ours may be a group of them."""
    match policy.action:
        case pst.ActionEq(entity):
            return entity.id == action
        case pst.ActionIn(entities):
            return any(entity.id == action or entity.id not in ACTIONS for entity in entities)
        case _:
            return True


def named_tool(policy: pst.Template) -> str | None:
    """The one tool that the scope names, `server.tool`."""
    scope = policy.resource
    if isinstance(scope, pst.ScopeEq) and isinstance(scope.entity, pst.EntityUid) and str(scope.entity.type) == "Tool":
        return scope.entity.id
    return None


def _covers(scope: pst.PrincipalOrResourceConstraint, resource: Resource) -> bool:
    itself = entity_of(resource)
    match scope:
        case pst.ScopeAny():
            return True
        case pst.ScopeEq(entity):
            return _uid(entity) == itself
        case pst.ScopeIn(entity):
            return _uid(entity) in (itself, *parents_of(resource))
        case pst.ScopeIs(kind):
            return str(kind) == itself[0]
        case pst.ScopeIsIn(kind, entity):
            return str(kind) == itself[0] and _uid(entity) in (itself, *parents_of(resource))


def _uid(entity: pst.EntityOrSlot) -> tuple[str, str] | None:
    return (str(entity.type), entity.id) if isinstance(entity, pst.EntityUid) else None

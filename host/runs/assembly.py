"""What every governed run is put together from, whoever proposes its calls: scope, servers, judges, gateway.

Decides: which parts there are and how they meet. Does not decide who proposes (a model in `runner`, another host's
client in `host.serve`), nor what any part does.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from context.errors import GatehostError
from host.config.workshop import Workshop
from host.journal import RunHandle
from host.runs.flags import RunFlags
from host.runs.judges import Judges, appoint
from host.servers.plans import Grounds, ServerPlan, plan_run
from host.servers.pool import ServerPool
from sandboxes import registry as sandbox_registry
from tool_gateway.gateway import Gateway
from tool_gateway.interface import Approver, KnownTool, Scope
from tool_gateway.trail import RunScope

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts that stand before anything is started: all that can be wrong with the configuration was found."""

    scope: Scope
    plans: Sequence[ServerPlan]
    tools: tuple[KnownTool, ...]
    judges: Judges


def assemble(
    workshop: Workshop,
    *,
    run_id: str,
    agent_name: str,
    flags: RunFlags,
    client: bool = False,
    resumed: bool = False,
) -> Assembly:
    """Plan the servers and appoint the judges; starts nothing.

    Args:
        client: Another host's client proposes the calls, and its user is not heard.

    Raises:
        ConfigError, UsageError: something that was written is wrong.
    """
    agent = workshop.settings.agent(agent_name)
    scope = Scope(agent_tools=agent.tools, run_tools=flags.tools, preapproved=flags.approve)
    plans: Sequence[ServerPlan] = ()
    if workshop.servers is not None:
        grounds = Grounds(
            workshop.servers,
            workshop.lock,
            workshop.home.sandbox_home(),
            run_id,
            workshop.kept,
            slots=workshop.settings.slots,
        )
        plans = plan_run(grounds, scope)
        for plan in plans:
            workshop.servers.kind(plan.name)
    tools = tuple(tool for plan in plans for tool in plan.tools.values())
    judges = appoint(
        workshop,
        run_id=run_id,
        agent_name=agent_name,
        agent=agent,
        scope=scope,
        tools=tools,
        flags=flags,
        client=client,
        resumed=resumed,
    )
    return Assembly(scope, plans, tools, judges)


def build_gateway(
    assembly: Assembly,
    *,
    run: RunScope,
    handle: RunHandle,
    pool: ServerPool,
    approver: Approver,
    budget: Callable[[], Mapping[str, int]] = dict,
) -> Gateway:
    """The gateway of a run whose rows are `handle`'s."""
    judges = assembly.judges
    return Gateway(
        run=run,
        directory=pool,
        caller=pool,
        approver=approver,
        journal=handle,
        clock=time.time,
        knowledge=judges.knowledge,
        policy=judges.policy,
        admission=judges.admission,
        redactor=judges.redactor,
        label_findings=judges.redaction.label,
        budget=budget,
    )


async def reap_sandboxes(workshop: Workshop) -> None:
    """Remove what dead owners left. A kind that cannot be asked now is no fault of this run."""
    servers = workshop.servers.servers.values() if workshop.servers else ()
    for name in {settings.sandbox for settings in servers}:
        try:
            await sandbox_registry.get(name).make(workshop.home.sandbox_home()).reap()
        except GatehostError as error:
            logger.info("nothing was reaped for %s: %s", name, error)

"""The 28 probes: attacks on a sandbox from its inside, and what came of them."""

from sandboxes.probes.catalogue import PROBES
from sandboxes.probes.rows import Row, merged, table
from sandboxes.probes.runner import Probed, probe_sandbox

__all__ = ["PROBES", "Probed", "Row", "merged", "probe_sandbox", "table"]

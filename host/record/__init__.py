"""The decision record: what was decided and how it ended, in lines that an outsider can verify."""

from host.record.log import RecordLog
from host.record.verify import Fault, Verdict, verify

__all__ = ["Fault", "RecordLog", "Verdict", "verify"]

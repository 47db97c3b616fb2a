"""The three stages around a model's work, each a list of checks: before a send, during the run, after the answer."""

from tool_gateway.stages.after import AFTER, AnswerFacts, answer_faults
from tool_gateway.stages.before import BEFORE, ModelFacts, Route, SendFacts, first_eligible, judge_send
from tool_gateway.stages.citations import ReadSource
from tool_gateway.stages.during import DURING, CallFacts, Continue, Stop, Suspend, Verdict, Watch
from tool_gateway.stages.settings import ContentPattern, StageSettings

__all__ = [
    "AFTER",
    "BEFORE",
    "DURING",
    "AnswerFacts",
    "CallFacts",
    "ContentPattern",
    "Continue",
    "ModelFacts",
    "ReadSource",
    "Route",
    "SendFacts",
    "StageSettings",
    "Stop",
    "Suspend",
    "Verdict",
    "Watch",
    "answer_faults",
    "first_eligible",
    "judge_send",
]

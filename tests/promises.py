"""The security promises, as data. Each is shown by at least one test that names it:

    @pytest.mark.promise("a_changed_tool_is_not_called")

`tests/test_promises.py` proves it both ways. `docs/threat-model.md` is the prose beside this list.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence that must stay true.

    Attributes:
        name: As tests name it.
        source: Where it is asked for: rows of the threat model's tables, or the product's small print.
    """

    name: str
    sentence: str
    source: str


PROMISES: tuple[Promise, ...] = (
    # The tool itself.
    Promise(
        "a_changed_tool_is_not_called",
        "A tool whose description, schemas, title or annotations differ from the accepted ones is not called.",
        "docs/threat-model.md rows 8-10, 13",
    ),
    Promise(
        "a_pin_covers_all_that_a_server_says",
        "Any change of anything that a server says about a tool changes the tool's pin.",
        "docs/threat-model.md rows 1, 2, 8-10",
    ),
    Promise(
        "a_pin_difference_is_readable",
        "What changed is told field by field, without a hidden character.",
        "docs/threat-model.md rows 8-10, 19-24",
    ),
    Promise(
        "no_call_while_tools_are_read_again",
        "After a server said that its tools changed, none of them is called until they were read again.",
        "docs/threat-model.md rows 11, 12; docs/configuration.md and README.md",
    ),
    Promise(
        "no_call_behind_walls_that_differ",
        "No call goes to a server whose live sandbox differs from its declaration.",
        "docs/threat-model.md, walls",
    ),
    # Scope and names.
    Promise(
        "only_tools_in_scope_exist",
        "A tool out of the agent's or the run's scope is refused in the words for one that does not exist.",
        "docs/threat-model.md, scope per task",
    ),
    Promise(
        "a_run_only_narrows_scope",
        "The run's scope never adds a tool to the agent's.",
        "docs/threat-model.md, scope per task",
    ),
    Promise(
        "names_are_exact", "A name that only looks like a tool's name means no tool.", "docs/threat-model.md rows 14-18"
    ),
    # The arguments.
    Promise(
        "arguments_have_one_form",
        "What is judged is, byte for byte, what is sent; what two readers could read differently is refused.",
        "docs/threat-model.md rows 37-41; docs/tour.md, a call's way, 3",
    ),
    Promise(
        "arguments_are_bounded",
        "Depth, size and number of values of arguments are bounded.",
        "docs/threat-model.md row 37",
    ),
    Promise(
        "arguments_fit_the_pinned_schema",
        "Arguments that do not fit the accepted input schema are refused.",
        "docs/tour.md, a call's way, 3",
    ),
    Promise(
        "nothing_is_fetched_for_a_schema", "No reference in a schema leads out of it.", "docs/threat-model.md row 44"
    ),
    Promise(
        "a_schema_check_is_bounded",
        "No schema and no value make a check run long: cycles, doubled references, deep nesting.",
        "docs/threat-model.md row 44",
    ),
    Promise(
        "a_pattern_stalls_nothing", "Every pattern runs in time linear in the text.", "docs/threat-model.md row 44"
    ),
    Promise(
        "a_path_stays_within",
        "`path_within` accepts no path that leaves its folders, however it is written or linked.",
        "docs/configuration.md and README.md; docs/threat-model.md, walls",
    ),
    Promise(
        "a_forbidden_place_is_not_named",
        "`not_within` accepts no spelling of a forbidden place, on case-insensitive file systems neither.",
        "docs/threat-model.md, composition",
    ),
    Promise(
        "no_value_becomes_an_option",
        "`no_option` accepts nothing that a command line reads as a flag.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "a_url_names_an_allowed_host",
        "`url_hosts` accepts only URLs that every reader reads alike.",
        "docs/threat-model.md, provenance",
    ),
    Promise("doubt_denies_a_constraint", "A value that a rule cannot judge is refused.", "CONTRIBUTING.md, errors"),
    Promise(
        "a_rule_can_match",
        "A rule that the tool's schema gives no place to is an error when the configuration is read.",
        "docs/configuration.md and README.md",
    ),
    # Consent.
    Promise(
        "effects_ask",
        "A call with another effect than `read` asks, unless the operator said never.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "an_approval_fits_one_call",
        "An approval is good for exactly one agent, run, tool pin, policy version and set of arguments.",
        "docs/tour.md, a call's way, 7",
    ),
    Promise("an_approval_is_used_once", "An approval carries one call and expires.", "docs/tour.md, a call's way, 7"),
    # The wire and the process behind it.
    Promise(
        "the_wire_is_bounded",
        "Length, depth, number of values and size of numbers of a server's message are bounded before it is parsed.",
        "docs/threat-model.md rows 37, 39, 42",
    ),
    Promise(
        "a_broken_line_fails_one_call",
        "A malformed message fails the call that it answers, with the reason, and nothing else.",
        "docs/threat-model.md rows 38, 40, 41, 43",
    ),
    Promise(
        "no_answer_reaches_another_caller",
        "An answer or progress with an unknown, used or differently typed id is dropped and counted.",
        "docs/threat-model.md rows 36, 45-49",
    ),
    Promise(
        "nothing_is_asked_before_the_handshake",
        "A server's request before the handshake is dropped.",
        "docs/threat-model.md row 50",
    ),
    Promise(
        "a_downgrade_is_recorded",
        "A protocol version that nobody speaks connects to nothing; an older one than was accepted is recorded.",
        "docs/threat-model.md row 51",
    ),
    Promise(
        "a_broken_server_ends_its_calls",
        "A crash, a hang or a trickle ends its calls by their deadline, and the server goes with all it started.",
        "docs/threat-model.md rows 52, 53",
    ),
    Promise(
        "a_flood_costs_its_sender",
        "What a server floods is bounded in memory and slows only itself.",
        "docs/threat-model.md row 54",
    ),
    Promise(
        "a_restarted_server_is_judged_again",
        "After a restart walls are read and pins compared anew, and the record says that it was started again.",
        "docs/threat-model.md rows 8-13, 52",
    ),
    # The walls.
    Promise(
        "every_way_out_is_closed",
        "From inside a sandbox none of the 28 probes succeeds; what a runtime cannot close is named.",
        "docs/sandboxes.md, the probes",
    ),
    Promise(
        "calls_that_only_an_escape_needs_are_refused",
        "System calls are an allow-list of our own, the same for every sandbox.",
        "docs/sandboxes.md, probes 12-18",
    ),
    Promise(
        "a_writable_mount_is_exact",
        "A writable mount is the folder that stands in the file, reached through no link.",
        "docs/sandboxes.md, mounts",
    ),
    Promise(
        "what_is_written_belongs_to_the_folders_owner",
        "What a server writes belongs to whom its folder belongs.",
        "docs/sandboxes.md, mounts",
    ),
    Promise(
        "a_written_limit_is_enforced_or_refused",
        "A limit that the operator wrote is enforced, or the server is not started.",
        "docs/sandboxes.md, limits",
    ),
    Promise(
        "secrets_are_files_in_memory_only",
        "A declared secret reaches its server as a file in memory; no environment, argument or inspection shows it.",
        "docs/sandboxes.md, secrets; probe 21",
    ),
    Promise(
        "a_secret_never_comes_back",
        "A server's secret is hidden in whatever the server says, before anything keeps or shows it.",
        "docs/sandboxes.md, secrets",
    ),
    # The result.
    Promise(
        "a_result_is_capped",
        "A result beyond its limit is refused whole, with the limit and the size.",
        "docs/threat-model.md row 31",
    ),
    Promise(
        "structured_content_fits",
        "Structured content that breaks the accepted schema fails the call.",
        "docs/threat-model.md row 32",
    ),
    Promise("links_are_not_followed", "Nothing that a result links to is read.", "docs/threat-model.md row 33"),
    Promise(
        "content_types_are_not_believed",
        "An image is shown only when its bytes are one.",
        "docs/threat-model.md row 34",
    ),
    Promise(
        "nothing_hidden_reaches_a_reader",
        "Control, format and invisible characters in results, names and refusals are visible as escapes.",
        "docs/threat-model.md rows 15, 16, 19-24",
    ),
    Promise(
        "a_result_is_labelled", "Every result carries its tool's label, errors too.", "docs/threat-model.md rows 7, 35"
    ),
    # The way of a call.
    Promise("a_crashed_check_denies", "A check that crashes refuses the call.", "CONTRIBUTING.md, errors"),
    Promise(
        "a_wait_is_judged_again",
        "After the wait for a person all checks run again, on what is true then.",
        "docs/tour.md, a call's way, 7b",
    ),
    Promise(
        "an_intent_stands_before_a_call",
        "Nothing is sent before its intent is written; for all but reads, before it is on disk.",
        "docs/tour.md, a call's way, 8",
    ),
    Promise(
        "a_lost_answer_is_in_doubt",
        "A request that left and was not answered is in doubt unless it only reads.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "nothing_unaccepted_runs",
        "Of a server that nobody accepted as it is configured now, no line runs; of its tools none is called.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "doubt_denies_a_path",
        "A path whose place cannot be told is refused: circles, unreadable folders, the kernel's other names.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "walls_hold_without_rules",
        "With no rule for an argument the sandbox still refuses what was not declared.",
        "docs/threat-model.md, what it takes, 5",
    ),
    # The run.
    Promise(
        "an_approved_call_is_made_once",
        "A call that was approved from elsewhere is made once when its run is resumed.",
        "docs/tour.md, a call's way, 7",
    ),
    Promise(
        "nothing_is_done_twice",
        "Killed at any moment and resumed, a run repeats no effect without a person's word.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "one_process_acts_for_a_run", "Of several processes one acts for a run.", "docs/threat-model.md, the promise"
    ),
    Promise(
        "half_a_call_is_no_call",
        "What a model's broken-off answer began to propose is not carried out.",
        "docs/tour.md, a call's way, 3",
    ),
    Promise(
        "an_injected_sentence_does_no_harm",
        "A model that obeys an injected sentence to the letter gets three refusals, and the task is done all the same.",
        "docs/threat-model.md, the promise",
    ),
    # What is kept.
    Promise(
        "a_run_is_told_whole",
        "A run's events are numbered without a gap and end with how it ended, however it ended.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "the_record_survives_a_crash",
        "After a kill at any moment the record verifies.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "many_processes_leave_one_record",
        "Runs at the same time leave one record that verifies, with every one of them whole.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "no_value_stands_in_the_record",
        "Arguments, results and notes stand in the record's lines as salted digests; only a reason may quote a little.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "a_key_is_nowhere",
        "A model's key is in no journal, record, output or server.",
        "docs/configuration.md and README.md",
    ),
)

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


@dataclass(frozen=True, slots=True)
class Whole:
    """One sentence of the promise as a whole.

    Attributes:
        shown_by: Names of promises, each a part of it.
        limits: What it does not mean; stands beside it.
    """

    sentence: str
    shown_by: tuple[str, ...]
    limits: tuple[str, ...]


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
        "docs/threat-model.md, what it takes",
    ),
    # Scope and names.
    Promise(
        "only_tools_in_scope_exist",
        "A tool out of the agent's or the run's scope is refused in the words for one that does not exist.",
        "docs/threat-model.md, what it takes",
    ),
    Promise(
        "a_run_only_narrows_scope",
        "The run's scope never adds a tool to the agent's.",
        "docs/threat-model.md, what it takes",
    ),
    Promise(
        "names_are_exact", "A name that only looks like a tool's name means no tool.", "docs/threat-model.md rows 14-18"
    ),
    # The arguments.
    Promise(
        "arguments_have_one_form",
        "What is judged is, byte for byte, what is sent; what two readers could read differently is refused.",
        "docs/threat-model.md rows 37-41; docs/tour.md, a call's way, 2",
    ),
    Promise(
        "arguments_are_bounded",
        "Depth, size and number of values of arguments are bounded.",
        "docs/threat-model.md row 37",
    ),
    Promise(
        "arguments_fit_the_pinned_schema",
        "Arguments that do not fit the accepted input schema are refused.",
        "docs/tour.md, a call's way, 4",
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
        "docs/configuration.md and README.md; docs/threat-model.md, what it takes",
    ),
    Promise(
        "a_forbidden_place_is_not_named",
        "`not_within` accepts no spelling of a forbidden place, on case-insensitive file systems neither.",
        "docs/threat-model.md, what it takes",
    ),
    Promise(
        "no_value_becomes_an_option",
        "`no_option` accepts nothing that a command line reads as a flag.",
        "docs/configuration.md and README.md",
    ),
    Promise(
        "a_url_names_an_allowed_host",
        "`url_hosts` accepts only URLs that every reader reads alike.",
        "docs/configuration.md",
    ),
    Promise("doubt_denies_a_constraint", "A value that a rule cannot judge is refused.", "CONTRIBUTING.md, errors"),
    Promise(
        "a_rule_can_match",
        "A rule that the tool's schema gives no place to is an error when the configuration is read.",
        "docs/configuration.md and README.md",
    ),
    # Where values come from.
    Promise(
        "a_value_from_an_untrusted_result_asks",
        "Once a run has read untrusted content, no effect is carried out by a value that no trusted source has, unless"
        " a person said so; nor does a read carry such a value out.",
        "docs/threat-model.md, the promise; rows 7, 22, 35",
    ),
    Promise(
        "a_value_is_found_however_it_is_written",
        "Another case, form, encoding or spelling hides no value's source; a part, a piece, a look-alike proves none.",
        "docs/provenance.md",
    ),
    Promise(
        "the_users_words_are_enough",
        "What the user wrote is carried out without a question.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "scope_follows_from_the_task",
        "An effect that the user's words do not ask for is asked about, whatever a result says of the task.",
        "docs/threat-model.md, what it takes",
    ),
    Promise(
        "words_grant_what_they_say",
        "A grant is read from the user's words alone, before anything else, for the source and the argument they name.",
        "docs/provenance.md",
    ),
    Promise(
        "an_endorsement_is_one_source_for_one_argument",
        "An endorsement lets one source decide one argument of one tool, in one run, if both exist.",
        "docs/provenance.md",
    ),
    Promise(
        "a_grant_is_no_choice",
        "Of several candidates in what was granted none is taken: a second account, recipient or record asks.",
        "docs/provenance.md",
    ),
    Promise(
        "derived_values_are_computed",
        "Sums, dates and superlatives count where the gateway computes the same from what is trusted or granted.",
        "docs/provenance.md",
    ),
    Promise(
        "a_planted_address_asks",
        "Free text for a trusted person may be the model's own, yet no link, address or number may be planted in it.",
        "docs/threat-model.md row 22",
    ),
    Promise(
        "a_question_shows_where_each_value_comes_from",
        "Who is asked sees each value, where it was first seen, and the words around it.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "origins_are_judged_after_a_restart",
        "What a session has read counts in each later turn, run and process of it.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "switched_off_is_said",
        "A run in which origins are not judged says so when it starts, in its events and in the record.",
        "docs/provenance.md",
    ),
    Promise(
        "what_a_server_says_widens_nothing",
        "Descriptions, instructions, prompts, resources and errors of a server grant nothing and relax no check.",
        "docs/threat-model.md rows 1-7",
    ),
    Promise(
        "an_obedient_model_does_no_harm",
        "In four invented offices, a model that obeys every injected sentence carries out none of them.",
        "docs/worst-case.md",
    ),
    # Policies.
    Promise(
        "without_rules_nothing_starts",
        "Policies that cannot be read, parsed or type-checked stop the start, with file, line and the nearest name.",
        "docs/policies.md",
    ),
    Promise(
        "a_policys_doubt_denies",
        "An error, a missing attribute or no decision denies; so does a forbid, whatever was permitted or answered.",
        "docs/policies.md",
    ),
    Promise(
        "shipped_rules_stay",
        "A project's policies are added to those that ship and replace none of them.",
        "docs/policies.md",
    ),
    # Composition and admission.
    Promise(
        "nothing_executable_is_written",
        "No tool writes what other programs execute (hooks, editor tasks, CI files), unless the operator said so.",
        "docs/threat-model.md, the promise",
    ),
    Promise(
        "calls_are_admitted_within_their_limits",
        "Rates and places hold for all calls of a tool or server; who does not answer is left alone for a while.",
        "docs/configuration.md",
    ),
    Promise(
        "only_what_repeats_harmlessly_is_repeated",
        "A call is sent again only if it reads or is declared idempotent, under the same key.",
        "docs/configuration.md",
    ),
    Promise(
        "a_server_asks_in_vain",
        "A server's request for sampling, input or roots is answered with an error and tells it nothing.",
        "docs/threat-model.md rows 25-30",
    ),
    # Consent.
    Promise(
        "effects_ask",
        'A tool that is marked `approve = "always"` asks for every call; a destructive one asks unless marked `never`.',
        "docs/configuration.md and docs/policies.md",
    ),
    Promise(
        "one_card_a_turn",
        "All that one turn asks is asked at once; a yes reaches only what was shown, and each call its own answer.",
        "docs/approvals.md",
    ),
    Promise(
        "certain_people_are_needed",
        "Where a rule names roles, only people who have them count, each once; two are two people; a flag is nobody.",
        "docs/approvals.md",
    ),
    Promise(
        "a_standing_rule_is_no_wider",
        "A standing rule answers for its agent, tool, pin, reasons to ask and arguments, and for nothing else.",
        "docs/approvals.md",
    ),
    Promise(
        "a_standing_rule_ends",
        "A standing rule answers nothing once it was revoked, its time is up, or its tool is another one.",
        "docs/approvals.md",
    ),
    Promise(
        "an_approval_fits_one_call",
        "An approval is good for exactly one agent, run, tool pin, policy version and set of arguments.",
        "docs/tour.md, a call's way, 9",
    ),
    Promise("an_approval_is_used_once", "An approval carries one call and expires.", "docs/tour.md, a call's way, 9"),
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
    Promise(
        "secrets_in_results_are_hidden",
        "Secrets and personal data in results become placeholders before anything keeps, shows or sends them.",
        "docs/redaction.md",
    ),
    Promise(
        "a_hidden_value_goes_back_only_where_it_came_from",
        "What is behind a placeholder goes to the server that returned it, and is written nowhere.",
        "docs/redaction.md",
    ),
    # The way of a call.
    Promise("a_crashed_check_denies", "A check that crashes refuses the call.", "CONTRIBUTING.md, errors"),
    Promise(
        "a_wait_is_judged_again",
        "After the wait for a person all checks run again, on what is true then.",
        "docs/tour.md, a call's way, 9 and 10",
    ),
    Promise(
        "an_intent_stands_before_a_call",
        "Nothing is sent before its intent is written; for all but reads, before it is on disk.",
        "docs/tour.md, a call's way, 11",
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
        "docs/threat-model.md, what it takes",
    ),
    # The run.
    Promise(
        "an_approved_call_is_made_once",
        "A call that was approved from elsewhere is made once when its run is resumed.",
        "docs/tour.md, a call's way, 9",
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
        "docs/tour.md, a call's way, 2",
    ),
    Promise(
        "an_injected_sentence_does_no_harm",
        "A model that obeys an injected sentence to the letter gets three refusals, and the task is done all the same.",
        "docs/threat-model.md, the promise",
    ),
    # The answer, and other hosts.
    Promise(
        "an_answer_is_text",
        "Nothing in an answer is fetched or run; what answers may hold can be checked, once mended, then refused.",
        "docs/threat-model.md row 22",
    ),
    Promise(
        "a_loop_ends",
        "Repeated calls, turns without news and output without end stop a run.",
        "docs/configuration.md",
    ),
    Promise(
        "labelled_content_stays_local",
        "Content labelled secret, restricted or personal goes to no model that is not local.",
        "docs/policies.md",
    ),
    Promise(
        "other_hosts_pass_the_same_gates",
        "A call of another host's model passes the same gates, and waits for the same people.",
        "docs/configuration.md",
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
        "a_changed_record_is_noticed",
        "Whatever is changed, cut, forged or put back in the record, verification names the entry.",
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

THE_PROMISE: tuple[Whole, ...] = (
    Whole(
        "No side effect that the user's task did not ask for is executed without a human who was shown what it is and"
        " where each of its values comes from.",
        (
            "an_obedient_model_does_no_harm",
            "a_value_from_an_untrusted_result_asks",
            "a_value_is_found_however_it_is_written",
            "origins_are_judged_after_a_restart",
            "scope_follows_from_the_task",
            "only_tools_in_scope_exist",
            "what_a_server_says_widens_nothing",
            "words_grant_what_they_say",
            "an_endorsement_is_one_source_for_one_argument",
            "a_grant_is_no_choice",
            "derived_values_are_computed",
            "a_planted_address_asks",
            "a_question_shows_where_each_value_comes_from",
            "one_card_a_turn",
            "an_approval_fits_one_call",
            "an_approval_is_used_once",
            "a_wait_is_judged_again",
            "certain_people_are_needed",
            "a_standing_rule_is_no_wider",
            "a_standing_rule_ends",
            "a_changed_tool_is_not_called",
            "arguments_have_one_form",
            "a_policys_doubt_denies",
            "a_crashed_check_denies",
            "nothing_executable_is_written",
            "nothing_hidden_reaches_a_reader",
            "other_hosts_pass_the_same_gates",
        ),
        (
            "Values are judged once the run has read something untrusted. Before that nobody has put a value into the"
            " model's head but the user, the configuration and descriptions that a person accepted.",
            "The task is read from the user's words by rules, in English and German. Words that they cannot read, or"
            " too few, narrow nothing; values are judged all the same. The description of an accepted"
            " tool can help to name that tool for a task, never as one that deletes or pays.",
            "A yes given beforehand is a yes: `--approve`, a standing rule, `--endorse`, a trusted source,"
            ' `provenance = "off"`. Each is written down with the run.',
            "Text that is shown to people can mislead them, and content that they approve can be wrong. A plain lie in"
            " free text to the very person whom the user named passes.",
            "A client of `gatehost serve` speaks for a user whose words the gateway never sees: its own values count as"
            " its user's unless untrusted content of the session has them.",
        ),
    ),
    Whole(
        "No server reaches a file, host, process or secret that was not declared for it.",
        (
            "every_way_out_is_closed",
            "calls_that_only_an_escape_needs_are_refused",
            "no_call_behind_walls_that_differ",
            "walls_hold_without_rules",
            "a_writable_mount_is_exact",
            "a_written_limit_is_enforced_or_refused",
            "a_path_stays_within",
            "nothing_unaccepted_runs",
            "secrets_are_files_in_memory_only",
            "a_secret_never_comes_back",
            "secrets_in_results_are_hidden",
            "a_hidden_value_goes_back_only_where_it_came_from",
            "links_are_not_followed",
            "nothing_is_fetched_for_a_schema",
            "a_server_asks_in_vain",
            "a_key_is_nowhere",
        ),
        (
            "The walls of `docker` are the engine's and the kernel's, with their holes. `bubblewrap` shares the host's"
            " `/usr` read-only and enforces fewer limits; its evidence names each. `unconfined` has none, and says so.",
            "A server may change a symlink between the gateway's look and its own. Argument rules explain early; the"
            " mounts are the guarantee.",
            "Secrets and personal data in results are found by patterns and check digits. What has no such form is not"
            " found.",
            "Two harmless servers over one folder can combine in ways that no list knows yet.",
        ),
    ),
    Whole(
        "No call, decision or outcome is missing from the record, and no change of the record goes unnoticed.",
        (
            "an_intent_stands_before_a_call",
            "a_run_is_told_whole",
            "the_record_survives_a_crash",
            "many_processes_leave_one_record",
            "a_changed_record_is_noticed",
            "no_value_stands_in_the_record",
            "a_restarted_server_is_judged_again",
            "switched_off_is_said",
        ),
        (
            "The record is linked, not signed: whoever can rewrite both journal and record can rewrite history.",
            "It holds what people and models were shown, and where hidden characters in a result were made visible, its"
            " texts as they were sent too, as erasable contents. Secrets stand in both as placeholders; images that are"
            " not shown, and results beyond their limit, are not kept.",
            "Of messages that were dropped on the wire, and of a server's own requests, it has the numbers by kind and"
            " method, at most a second old, and the newest reason; their texts are not kept.",
        ),
    ),
    Whole(
        "Nothing is silently done twice.",
        (
            "nothing_is_done_twice",
            "a_lost_answer_is_in_doubt",
            "an_approved_call_is_made_once",
            "one_process_acts_for_a_run",
            "only_what_repeats_harmlessly_is_repeated",
            "half_a_call_is_no_call",
            "no_answer_reaches_another_caller",
        ),
        (
            "Whether a call that was not answered has happened only a person can say, who looks at the other end.",
            "A tool that is declared `idempotent` and is not may do twice what was asked for once.",
        ),
    ),
)
"""The promise, in its own words, and what stands beside each sentence."""

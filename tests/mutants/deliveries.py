"""Deliveries that go astray: lost, out of order, to the wrong place, or with their secrets."""

from tests.mutants.mutant import Edit, Mutant

CREW = "workers/delivering/crew.py"
TURN = "workers/delivering/turn.py"
HTTP = "workers/delivering/http.py"
ADDRESSES = "workers/delivering/addresses.py"
SOCKETS = "workers/delivering/sockets.py"
TABLE = "store/deliveries.py"
GRANTS = "store/migrations/sql/0003_deliveries.sql"

DELIVERIES = "tests/integration/test_deliveries.py::"
WEBHOOKS = "tests/integration/test_webhooks.py::"
PLACES = "tests/integration/test_webhook_places.py::"
CIRCUITS = "tests/integration/test_circuits.py::"
FLEET = "tests/integration/test_delivering_fleet.py::"
OUTBOX = "tests/integration/test_outbox.py::"
TOLD = "tests/integration/test_cli_subscriptions.py::"
REFUSED = "tests/integration/test_cli_subscriptions_refused.py::"
HOLDS_BACK = f"{DELIVERIES}test_a_failing_event_holds_back_its_aggregate_and_no_other"

PARKED = f"{DELIVERIES}test_a_delivery_that_keeps_failing_is_parked_and_holds_back_only_its"
PARKED += "_aggregate"

DELIVERY_MUTANTS = (
    Mutant(
        "lane-goes-on-after-a-failure",
        "A later event of an aggregate leaves before the earlier one has arrived.",
        (Edit(CREW, "self._hear(outcome)\n                return\n", "self._hear(outcome)\n"),),
        (HOLDS_BACK,),
        "assert",
    ),
    Mutant(
        "aggregate-not-held-back",
        "What stands behind a parked or resting delivery is sent at the next turn.",
        (
            Edit(
                TABLE,
                "(held.status = 'parked' or held.next_attempt_at > now())",
                "held.status = 'nothing'",
            ),
        ),
        (
            HOLDS_BACK,
            PARKED,
        ),
        "assert",
    ),
    Mutant(
        "busy-aggregates-read-again",
        "While a delivery is on its way the same one is started once more.",
        (Edit(TURN, "due(self._of.name, busy, AT_ONCE)", "due(self._of.name, (), AT_ONCE)"),),
        (f"{DELIVERIES}test_what_takes_long_is_not_sent_a_second_time_meanwhile",),
        "assert",
    ),
    Mutant(
        "key-of-the-attempt",
        "A receiver cannot tell a repetition from another event.",
        (
            Edit(
                "workers/delivering/channel.py",
                'return f"{self.event.event_id}:{self.subscription}"',
                'return f"{self.event.event_id}:{self.subscription}:{self.attempt}"',
            ),
        ),
        (f"{DELIVERIES}test_a_retried_delivery_carries_the_same_key_and_no_other_does",),
        "assert",
    ),
    Mutant(
        "late-mark-decides",
        "A deliverer that was frozen counts what another one has delivered meanwhile.",
        (
            Edit(
                TABLE,
                "global_sequence = any (%b) and status = 'waiting'",
                "global_sequence = any (%b)",
            ),
        ),
        (f"{FLEET}test_one_that_was_frozen_past_its_lease_decides_nothing_when_it_wakes",),
        "assert",
    ),
    Mutant(
        "taken-up-without-the-cursor",
        "Each turn begins at the first row of the outbox, however much was delivered.",
        (Edit(TABLE, "o.global_sequence > place.taken_to\n", "o.global_sequence > 0\n"),),
        (f"{DELIVERIES}test_more_than_one_portion_of_an_outbox_is_taken_up",),
        "assert",
    ),
    Mutant(
        "paused-but-filled",
        "A paused subscription notes what it was told to leave.",
        (Edit("workers/projecting.py", "if outboxes.is_paused(declared):", "if not declared:"),),
        (
            f"{DELIVERIES}test_a_paused_subscription_is_neither_filled_nor_delivered_and_loses_nothing",
        ),
        "assert",
    ),
    Mutant(
        "paused-but-delivered",
        "A paused subscription sends what it had noted before.",
        (
            Edit(TABLE, "s.name = d.subscription and s.status = 'active'", "true"),
            Edit(
                "workers/delivering/delivering.py",
                'subscription.status == "paused" or circuit',
                "circuit",
            ),
        ),
        (
            f"{DELIVERIES}test_a_paused_subscription_is_neither_filled_nor_delivered_and_loses_nothing",
        ),
        "assert",
    ),
    Mutant(
        "starts-at-the-beginning",
        "A new receiver is sent years of history.",
        (
            Edit(
                "store/subscribing.py",
                'if start == "now":\n        return safe',
                'if start == "now":\n        return 0',
            ),
        ),
        (f"{OUTBOX}test_by_default_only_what_comes_later_is_sent",),
        "assert",
    ),
    Mutant(
        "circuit-without-end",
        "A dead endpoint is knocked at for every event there is.",
        (Edit(GRANTS, "when p_failures >= p_opens_after then", "when p_failures < 0 then"),),
        (f"{CIRCUITS}test_one_event_that_always_fails_does_not_keep_the_circuit_open",),
        "assert",
    ),
    Mutant(
        "probes-without-number",
        "All workers try a sick endpoint at the same moment.",
        (
            Edit(
                "store/circuits.py",
                "where endpoint = %b and open_until <= now()\n",
                "where endpoint = %b\n",
            ),
        ),
        (f"{CIRCUITS}test_of_all_who_ask_one_may_probe",),
        "assert",
    ),
    Mutant(
        "probe-of-the-first",
        "One event that always fails keeps the circuit open for all others.",
        (Edit(TURN, "[min(firsts, key=lambda one: one.attempt)]", "[firsts[0]]"),),
        (f"{CIRCUITS}test_one_event_that_always_fails_does_not_keep_the_circuit_open",),
        "assert",
    ),
    Mutant(
        "redirect-counts-as-delivered",
        "An event is lost at a door that has moved.",
        (Edit(HTTP, "if 200 <= status < 300:", "if 200 <= status < 400:"),),
        (f"{WEBHOOKS}test_a_redirect_is_not_followed[301]",),
        "DID NOT RAISE",
    ),
    Mutant(
        "time-limit-begins-anew",
        "A receiver that sends a byte now and then holds a thread for ever.",
        (Edit(SOCKETS, "left = self._end - time.monotonic()", "left = self._seconds"),),
        (f"{WEBHOOKS}test_nobody_is_waited_for_longer_than_was_said[drips]",),
        "DID NOT RAISE",
    ),
    Mutant(
        "every-address-is-public",
        "Through us a stranger reaches what only we can reach.",
        (Edit(ADDRESSES, "for place in places if not private else ():", "for place in ():"),),
        (f"{PLACES}test_no_address_inside_is_connected_to[127.0.0.1]",),
        "DID NOT RAISE|assert|Error",
    ),
    Mutant(
        "wrapped-address-not-opened",
        "An IPv6 address that stands for an IPv4 one inside passes for a public one.",
        (Edit(ADDRESSES, "inner = unwrapped(address)", "inner = address"),),
        (f"{PLACES}test_no_address_inside_is_connected_to[[2002:7f00:1::]]",),
        "DID NOT RAISE|assert|Error",
    ),
    Mutant(
        "first-address-checked-alone",
        "A name that leads inside as well is believed for its first address.",
        (
            Edit(
                ADDRESSES,
                "for place in places if not private",
                "for place in places[:1] if not private",
            ),
        ),
        (f"{PLACES}test_a_name_that_leads_inside_is_refused_even_if_it_leads_outside_too",),
        "DID NOT RAISE|Error",
    ),
    Mutant(
        "resolved-a-second-time",
        "What was checked is not what is connected to.",
        (
            Edit(
                SOCKETS,
                "made.connect(place)",
                "made.connect(socket.getaddrinfo('shop.example', place[1])[0][4])",
            ),
        ),
        (f"{PLACES}test_a_name_is_resolved_once_and_connected_to_where_it_was_checked",),
        "assert|Error",
    ),
    Mutant(
        "any-certificate-will-do",
        "Whoever stands in between reads along.",
        (
            Edit(
                SOCKETS,
                "context = ssl.create_default_context()\n",
                "context = ssl._create_unverified_context()\n",
            ),
        ),
        (f"{PLACES}test_a_certificate_must_be_for_the_name_of_the_endpoint",),
        "DID NOT RAISE",
    ),
    Mutant(
        "signature-without-its-time",
        "A message that was overheard can be sent again years later.",
        (
            Edit(
                "workers/delivering/signing.py",
                'signed = f"{id}.{timestamp}.".encode() + body',
                'signed = f"{id}.".encode() + body',
            ),
        ),
        (f"{WEBHOOKS}test_an_event_arrives_as_a_signed_cloud_event",),
        "assert",
    ),
    Mutant(
        "secret-field-leaves",
        "What is marked secret is told to strangers.",
        (
            Edit(
                "workers/delivering/payload.py",
                "HIDDEN if name in hidden else data[name]",
                "data[name]",
            ),
        ),
        (f"{WEBHOOKS}test_what_is_marked_secret_does_not_leave",),
        "assert",
    ),
    Mutant(
        "secrets-in-their-repr",
        "A log line or an error shows what was meant to be shown once.",
        (
            Edit(
                "store/subscriptions.py",
                "field(default=(), repr=False)",
                "field(default=())",
            ),
        ),
        (f"{TOLD}test_a_secret_is_shown_where_it_is_made_and_never_again",),
        "assert",
    ),
    Mutant(
        "readers-see-secrets",
        "Whoever may look at read models can sign in our name.",
        (
            Edit(
                GRANTS,
                "grant select on fleetlog.subscription_secrets to fleetlog_projector;",
                "grant select on fleetlog.subscription_secrets to fleetlog_reader;",
            ),
        ),
        (f"{REFUSED}test_nobody_but_a_deliverer_reads_secrets[fleetlog_reader]",),
        "DID NOT RAISE",
    ),
)

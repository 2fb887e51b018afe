"""Streams and mail that send twice, to the wrong people, or say too much."""

from tests.mutants.mutant import Edit, Mutant

STREAM = "workers/delivering/stream.py"
ENDPOINTS = "workers/delivering/endpoints.py"
MAIL = "workers/delivering/mail.py"
POST = "workers/delivering/post.py"
LETTERS = "workers/delivering/letters.py"
PACE = "workers/delivering/pace.py"
WORDS = "workers/delivering/words.py"

STREAMS = "tests/integration/test_stream_channel.py::"
MAILS = "tests/integration/test_mail.py::"
SERVERS = "tests/integration/test_mail_servers.py::"
WRITTEN = "tests/unit/test_letters.py::"
CODEC = "tests/unit/test_command_codec.py::"
REFUSED = "tests/unit/test_endpoints.py::"
SAID = "(?i)assert"

CHANNEL_MUTANTS = (
    Mutant(
        "stream-tries-again-by-itself",
        "One attempt becomes several entries when an answer is lost.",
        (Edit(STREAM, "Retry(NoBackoff(), 0)", "Retry(NoBackoff(), 2)"),),
        (f"{STREAMS}test_one_attempt_is_one_entry_even_when_its_answer_is_lost",),
        SAID,
    ),
    Mutant(
        "stream-quotes-the-entry",
        "What a server says of an entry is shown to people, the event in it.",
        (Edit(STREAM, """.partition("'")[0].partition("`")[0]""", ""),),
        (f"{STREAMS}test_an_error_never_quotes_the_event",),
        SAID,
    ),
    Mutant(
        "plaintext-anywhere",
        "Events go to another machine for everybody on the way to read.",
        (Edit(ENDPOINTS, " or is_this_machine(url.hostname)", " or True"),),
        (f"{REFUSED}test_the_way_to_another_machine_must_be_closed",),
        "DID NOT RAISE",
    ),
    Mutant(
        "mail-without-the-book",
        "Somebody the address book has not heard of yet is never told.",
        (Edit(MAIL, "if not book.has_reached(connection, event):", "if False:"),),
        (f"{MAILS}test_a_mail_waits_for_the_address_book_and_that_is_no_attempt",),
        SAID,
    ),
    Mutant(
        "mail-of-history",
        "An import writes to everybody who ever came.",
        (Edit(MAIL, "event.metadata.occurred_at is not None", "False"),),
        (f"{MAILS}test_history_is_told_to_nobody_unless_that_is_wanted",),
        SAID,
    ),
    Mutant(
        "mail-without-starttls",
        "A server that offers no encryption gets mail and password in plain text.",
        (Edit(POST, "if server.context and not server.implicit:", "if False:"),),
        (f"{SERVERS}test_without_encryption_nothing_is_sent_unless_it_is_allowed_by_name",),
        SAID,
    ),
    Mutant(
        "mail-to-any-server",
        "Whoever stands in between may call himself the mail server.",
        (
            Edit(
                MAIL,
                "ssl.create_default_context(cafile=ca_file)",
                "ssl._create_unverified_context()",
            ),
        ),
        (f"{SERVERS}test_a_server_that_nobody_vouches_for_gets_nothing",),
        f"ValueError|{SAID}",
    ),
    Mutant(
        "name-of-several-lines",
        "A name with a line break in it may add a header.",
        (Edit(LETTERS, 'c if c.isprintable() else " " for c in text', "c for c in text"),),
        (f"{WRITTEN}test_a_name_with_line_breaks_adds_no_header",),
        SAID,
    ),
    Mutant(
        "html-unescaped",
        "A name becomes part of the page that its mail shows.",
        (Edit(LETTERS, "{name: escape(value) for", "{name: value for"),),
        (f"{WRITTEN}test_html_shows_what_an_event_says_and_does_not_become_it",),
        SAID,
    ),
    Mutant(
        "server-quotes-the-recipient",
        "Addresses and names stand in deliveries, as the server wrote them.",
        (Edit(WORDS, "return readable(ADDRESS.sub(HIDDEN, text))", "return readable(text)"),),
        (f"{SERVERS}test_what_a_server_says_of_somebody_is_masked[452-waiting]",),
        SAID,
    ),
    Mutant(
        "pace-of-nobody",
        "A provider is flooded by all workers at once.",
        (Edit(PACE, ", nx=True", ""),),
        ("tests/integration/test_pace.py::test_all_threads_together_keep_the_pace",),
        SAID,
    ),
    Mutant(
        "message-id-of-the-attempt",
        "A mailbox cannot tell a repetition from another mail.",
        (
            Edit(
                LETTERS,
                "outgoing.key.replace(':', '.')",
                "outgoing.key.replace(':', '.')}.{id(mail)",
            ),
        ),
        (f"{WRITTEN}test_a_mail_is_known_by_its_key_at_every_attempt",),
        SAID,
    ),
    Mutant(
        "command-with-an-empty-field",
        "A command accepted before its class had a field is refused when it comes again.",
        (Edit("store/command_codec.py", ", without=unsaid(command)", ""),),
        (f"{CODEC}test_an_optional_field_that_says_nothing_is_not_written",),
        SAID,
    ),
)

"""Audit log and analytics: people in the clear, and figures that count twice or too late."""

from tests.mutants.mutant import Edit, Mutant

VALUES = "store/read_models/audit_values.py"
ACTIVITY = "store/read_models/analytics/activity.py"
FIGURES = "store/read_models/analytics/order_figures.py"
BUSINESS_TIME = "store/business_time.py"

AUDIT = "tests/unit/test_audit_log.py::"
NEWER = "test_an_event_that_only_newer_code_knows_may_hold_peoples_data"
ANALYTICS = "tests/unit/test_analytics.py::"

VIEW_MUTANTS = (
    Mutant(
        "personal-data-audited",
        "Fields marked as people's data are told like any other.",
        (
            Edit(
                VALUES,
                "frozenset(field_names(cls)) - marked_fields(cls).keys()",
                "frozenset(field_names(cls))",
            ),
        ),
        (
            f"{AUDIT}test_peoples_data_is_in_no_row",
            f"{AUDIT}test_a_mark_within_a_fields_type_hides_the_field",
        ),
        "AssertionError|assert ",
    ),
    Mutant(
        "unknown-fields-audited",
        "What only an older or a newer class could vouch for is told.",
        (
            Edit(
                VALUES,
                "value if name in shown else HIDDEN",
                "value if name in shown or name not in field_names(cls) else HIDDEN",
            ),
        ),
        (f"{AUDIT}test_a_field_that_the_class_does_not_know_is_hidden",),
        "AssertionError|assert ",
    ),
    Mutant(
        "rewritten-fields-audited",
        "An old field is judged by what its name means today.",
        (Edit(VALUES, "if event.version < cls.schema_version:", "if event.version < 0:"),),
        (
            f"{AUDIT}test_an_old_event_is_told_in_its_own_words_as_far_as_todays_class_vouches_for_them",
        ),
        "AssertionError|assert ",
    ),
    Mutant(
        "unknown-events-audited",
        "An event of ours that no class knows is told whole, like those of other systems.",
        (Edit(VALUES, "if aggregate_class(kind) is not None and (", "if kind is None and ("),),
        tuple(f"{AUDIT}{NEWER}[{event}]" for event in ("event0", "event1")),
        "DID NOT RAISE",
    ),
    Mutant(
        "active-by-the-event",
        "Who acts ten times is ten active users.",
        (Edit(ACTIVITY, "if rows.get(seen) is None:", "if seen is not None:"),),
        (f"{ANALYTICS}test_a_person_who_acts_often_is_one_active_user_a_day",),
        "AssertionError|assert ",
    ),
    Mutant(
        "imported-history-counted-today",
        "History counts when it was imported, not when it happened.",
        (Edit(BUSINESS_TIME, "return (said and as_moment(said)) or", "return (said and None) or"),),
        (f"{ANALYTICS}test_imported_history_is_counted_when_it_happened_in_utc",),
        "AssertionError|assert ",
    ),
    Mutant(
        "order-values-rounded",
        "A sum keeps 28 digits, which is what a decimal keeps unasked.",
        (Edit(FIGURES, "EXACT.add(before.value, total)", "before.value + total"),),
        (f"{ANALYTICS}test_order_values_are_added_up_exactly_for_the_day_they_were_placed_on",),
        "AssertionError|assert ",
    ),
)

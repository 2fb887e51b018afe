"""How long hypothesis looks for a story that breaks a model."""

from hypothesis import HealthCheck, settings


def about(examples: int, steps: int) -> settings:
    """Return settings for so many stories of so many steps each, on real servers."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,  # the servers' time, not ours
        print_blob=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )

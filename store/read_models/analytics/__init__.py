"""The analytics model: figures over all aggregates, for people who ask "how many?"."""

import store.read_models.analytics.activity
import store.read_models.analytics.deactivations
import store.read_models.analytics.order_figures  # noqa: F401 - declaring them is the point

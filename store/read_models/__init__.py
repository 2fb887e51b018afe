"""One file for each read model: its table, its row and its fold, side by side."""

import store.read_models.address_book
import store.read_models.analytics
import store.read_models.audit_log
import store.read_models.order_board
import store.read_models.user_directory  # noqa: F401 - declaring them is the point

"""Deliveries: from the outbox of a subscription to its receiver, at least once, in order."""

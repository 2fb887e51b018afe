"""Flower, started the way a system of record needs it."""

"""
The base under the name that the read models here know it by.

To import this module is to declare them all: whoever wants the base alone takes `store.mapped`.
"""

from store.mapped import ReadModel

__all__ = ["ReadModel"]

"""What the networks of this folder share.

Those that apply their layers one after the other are a Sequential whose layers have names of their own: assigned in
that order, as `self.features = ...`, they need no forward and no backward.
"""

from __future__ import annotations


def shrunk(channels: int, shrink: int) -> int:
    """A number of channels or features, divided by `shrink`: the same network, small enough for a test."""
    if shrink < 1:
        raise ValueError(f"shrink={shrink}: 1 (the network of the paper) or more expected")
    return max(1, channels // shrink)

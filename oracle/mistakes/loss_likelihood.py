"""Losses that are a negative log-likelihood: what people get wrong in each of them stands in a file of its own."""

from __future__ import annotations

from oracle.mistakes import loss_binary, loss_binary_logits, loss_gaussian, loss_kl, loss_poisson

FAMILIES = (
    loss_binary.FAMILY,
    loss_binary_logits.FAMILY,
    loss_kl.FAMILY,
    loss_poisson.FAMILY,
    loss_gaussian.FAMILY,
)

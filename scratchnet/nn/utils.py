"""By torch.nn.utils' names: gradient clipping, which stands with the optimizers."""

from scratchnet.optim.clip import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_"]

"""Shared by all tests: one thread for torch, as for the reference."""

import torch

torch.set_num_threads(1)

"""Optimizers, learning rate schedules and gradient clipping, by torch.optim's names."""

from scratchnet.optim import lr_scheduler
from scratchnet.optim.adadelta import Adadelta
from scratchnet.optim.adagrad import Adagrad
from scratchnet.optim.adam import Adam, AdamW
from scratchnet.optim.adamax import Adamax
from scratchnet.optim.asgd import ASGD
from scratchnet.optim.clip import clip_grad_norm_, clip_grad_value_
from scratchnet.optim.groups import weight_decay_groups
from scratchnet.optim.muon import Muon
from scratchnet.optim.nadam import NAdam
from scratchnet.optim.optimizer import Optimizer
from scratchnet.optim.radam import RAdam
from scratchnet.optim.rmsprop import RMSprop
from scratchnet.optim.rprop import Rprop
from scratchnet.optim.sgd import SGD

__all__ = [
    "ASGD",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
    "weight_decay_groups",
]

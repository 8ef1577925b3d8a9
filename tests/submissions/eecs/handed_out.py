import random

import matplotlib.pyplot as plt
import torch
from a3_helper import softmax_loss, svm_loss
from A3.fully_connected_networks import adam
from eecs598 import Solver
from fully_connected_networks import *


class ReLU(object):
    @staticmethod
    def forward(x):
        zero = torch.tensor([0], dtype=x.dtype)
        return torch.max(zero, x), x

    @staticmethod
    def backward(dout, cache):
        return dout * (cache > 0)


class Net(object):
    def loss(self, scores, y):
        return softmax_loss(scores, y)

"""Networks of the course, built from scratchnet.nn; those that torchvision has too have its parameter names."""

from scratchnet.models.alexnet import AlexNet
from scratchnet.models.googlenet import AuxiliaryLoss, GoogLeNet
from scratchnet.models.lenet import LeNet5
from scratchnet.models.mlp import MLP
from scratchnet.models.resnet import BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50
from scratchnet.models.vgg import VGG, vgg11, vgg11_bn, vgg16, vgg16_bn

__all__ = [
    "MLP",
    "VGG",
    "AlexNet",
    "AuxiliaryLoss",
    "BasicBlock",
    "Bottleneck",
    "GoogLeNet",
    "LeNet5",
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "vgg11",
    "vgg11_bn",
    "vgg16",
    "vgg16_bn",
]

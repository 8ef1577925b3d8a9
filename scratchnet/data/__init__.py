"""Data: sets that need no download, the split, mini-batches, and augmentation."""

from scratchnet.data.augmentation import Compose, RandomCrop, RandomHorizontalFlip
from scratchnet.data.cache import cache_folder
from scratchnet.data.datasets import digits, mnist5k
from scratchnet.data.loader import DataLoader
from scratchnet.data.split import stratified_split

__all__ = [
    "Compose",
    "DataLoader",
    "RandomCrop",
    "RandomHorizontalFlip",
    "cache_folder",
    "digits",
    "mnist5k",
    "stratified_split",
]

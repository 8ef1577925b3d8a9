"""Data: sets that need no download, the split, and mini-batches."""

from scratchnet.data.cache import cache_folder
from scratchnet.data.datasets import digits, mnist5k
from scratchnet.data.loader import DataLoader
from scratchnet.data.split import stratified_split

__all__ = ["DataLoader", "cache_folder", "digits", "mnist5k", "stratified_split"]

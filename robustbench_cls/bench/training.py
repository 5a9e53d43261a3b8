"""Measure how fast training images are made, from encoded files to normalised batches: by this package and by timm.

Each engine has its own workers, which wait while another has its turn. A turn begins with batches that do not count:
those that lie ready, and at the first turn those during which processes start and kernels are compiled. Compare ratios
between machines, and images per second only on one.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.transforms.functional import hflip, resized_crop
from torchvision.transforms import InterpolationMode

from robustbench_cls.bench.corruptions import OURS, machine
from robustbench_cls.bench.data import jpeg_files
from robustbench_cls.bench.timm_loaders import WAYS, peer_of, timm_batches, timm_dataset
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Recipe, Regimen
from robustbench_cls.core.versions import versions
from robustbench_cls.data.decode import jpeg_shape
from robustbench_cls.data.decoded import DecodedImages, decode_all
from robustbench_cls.data.locate import split_in
from robustbench_cls.data.random_crops import CropRule
from robustbench_cls.data.source import ImageSource, open_source
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.training.functions import ViewsOf, make_mix
from robustbench_cls.training.images import TrainingImages, batches_from
from robustbench_cls.training.order import Order

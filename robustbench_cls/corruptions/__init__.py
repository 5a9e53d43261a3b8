"""Corruptions: from (image, severity, key) to an image. ImageNet-C from a seed, one file a corruption, no torch.

Parameters in pixels are those of 224 px images at every image size, so small images are hit harder: at 32 px
these are not the corruptions of CIFAR-10-C, which has constants of its own.
"""

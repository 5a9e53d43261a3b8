"""Corruptions: from (image, severity, key) to an image. ImageNet-C from a seed, one file a corruption, no torch.

Parameters in pixels are those of 224 px images at every image size, so small images are hit harder. CIFAR-10-C, of
32 px, has constants of its own: the variant `cifar`.
"""

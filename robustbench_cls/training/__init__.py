"""Training: augmented images, the loop over epochs, optimisation regimens."""

"""Recorded trajectories of PyTorch's optimizers, the script that recorded them, and the problems they solve."""

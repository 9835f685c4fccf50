"""MNIST: 70,000 handwritten digits of 28 by 28 pixels, from files that the user has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from minigrad.data.checks import check_floating
from minigrad.data.idx import IDXError, read_idx

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
PUBLISHED = "https://ossci-datasets.s3.amazonaws.com/mnist/ (a mirror of http://yann.lecun.com/exdb/mnist/)"


def mnist(path: str | os.PathLike[str], dtype: Any = "float32") -> tuple[Any, Any, Any, Any]:
    """Load MNIST from its four IDX files; nothing is downloaded.

    Parameters
    ----------
    path : str or path
        The folder of the files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte. Each may be compressed and end in .gz, and may have a dot instead of the hyphen before
        idx. They are published at https://ossci-datasets.s3.amazonaws.com/mnist/, a mirror.
    dtype : dtype
        Of the images.

    Returns
    -------
    x_train : array, shape (60000, 784)
        The images, row by row, with values from 0 (paper) to 1 (ink).
    y_train : integer array, shape (60000,)
        The digits 0 to 9 that they show.
    x_test : array, shape (10000, 784)
    y_test : integer array, shape (10000,)

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    IDXError
        If a file is damaged, or does not hold what its name says. Other numbers of images are allowed.

    References
    ----------
    LeCun, Y., Cortes, C. and Burges, C. J. C. The MNIST Database of Handwritten Digits.
    http://yann.lecun.com/exdb/mnist/. Licence: Creative Commons Attribution-Share Alike 3.0 (CC BY-SA 3.0).

    Examples
    --------
    >>> try:
    ...     x_train, y_train, x_test, y_test = mnist("no-such-folder")
    ... except FileNotFoundError as error:
    ...     print(str(error).partition(":")[0])
    MNIST is not complete in no-such-folder, which is no folder
    """
    dtype = check_floating(dtype)
    images, labels, test_images, test_labels = _find(Path(path).expanduser())
    return *_load(images, labels, dtype), *_load(test_images, test_labels, dtype)


def _find(folder: Path) -> list[Path]:
    found = {name: [path for path in _spellings(folder, name) if path.is_file()] for name in FILES}
    missing = [name for name in FILES if not found[name]]
    if missing:
        where = f"the folder {folder}" if folder.is_dir() else f"{folder}, which is no folder"
        raise FileNotFoundError(
            f"MNIST is not complete in {where}: missing are {', '.join(missing)}. "
            f"Each may be plain or compressed, with .gz at its end. They are published at {PUBLISHED}."
        )
    return [found[name][0] for name in FILES]


def _spellings(folder: Path, name: str) -> list[Path]:
    dotted = name.replace("-idx", ".idx")
    return [folder / spelling for spelling in (name, f"{name}.gz", dotted, f"{dotted}.gz")]


def _load(images_path: Path, labels_path: Path, dtype: Any) -> tuple[Any, Any]:
    labels = read_idx(labels_path)
    if labels.dtype != "uint8" or labels.ndim != 1:
        raise IDXError(f"{labels_path} should hold one byte for each label; it holds {_kind(labels)}")
    if int(labels.max()) > 9:
        raise IDXError(f"{labels_path} should hold labels from 0 to 9, and has the label {int(labels.max())}")
    images = read_idx(images_path)
    if images.dtype != "uint8" or images.shape[1:] != (28, 28):
        raise IDXError(f"{images_path} should hold images of 28 x 28 bytes; it holds {_kind(images)}")
    if len(images) != len(labels):
        raise IDXError(f"{images_path} holds {len(images)} images, and {labels_path} {len(labels)} labels")
    pixels = images.reshape(len(images), -1).astype(dtype)
    pixels /= 255.0
    return pixels, labels.astype("int64")


def _kind(array: Any) -> str:
    return f"{array.dtype} numbers of shape {array.shape}"

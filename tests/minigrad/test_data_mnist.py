"""IDX files and MNIST: good files are read exactly, and no damage goes unseen, hangs, or takes memory."""

import contextlib
import gzip
import itertools
import os
import tracemalloc

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad import data
from minigrad.backend import current
from minigrad.data.idx import PIECE, IDXError, read_idx
from minigrad.testing import close

TYPES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
MNIST = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
OVERHEAD = 6 * PIECE  # what a reader may take beside the array: the piece, and what gzip looks back at


def header(kind, shape):
    return bytes([0, 0, kind, len(shape)]) + numpy.array(shape, ">u4").tobytes()


def idx(array):
    """Write an array in the format."""
    array = numpy.asarray(array)
    return header(TYPES[array.dtype.name], array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


def zipped(content):
    return gzip.compress(content, mtime=0)


PACKINGS = {"plain": bytes, "gzip": zipped}
packings = pytest.mark.parametrize("packed", PACKINGS.values(), ids=PACKINGS)


@pytest.fixture
def read(tmp_path):
    """Read an IDX file with the given bytes."""

    def read(content):
        path = tmp_path / "numbers.idx"
        path.write_bytes(content)
        return read_idx(path)

    return read


def peak_of(reader, source):
    """Give the largest number of bytes that reading has allocated at once, and the error that it raised."""
    tracemalloc.start()
    try:
        reader(source)
    except IDXError as error:
        return tracemalloc.get_traced_memory()[1], error
    else:
        return tracemalloc.get_traced_memory()[1], None
    finally:
        tracemalloc.stop()


# Good files


@packings
@given(data_=st.data())
def test_an_array_of_any_type_and_shape_comes_back_as_it_was_written(read, packed, data_):
    kind = data_.draw(st.sampled_from(sorted(TYPES)))
    array = data_.draw(hnp.arrays(kind, hnp.array_shapes(max_dims=4, max_side=5)))
    found = read(packed(idx(array)))
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_a_file_that_is_longer_than_a_piece_comes_back_too(read):
    array = numpy.random.default_rng(0).integers(0, 255, (3, PIECE), "uint8")
    for packed in PACKINGS.values():
        assert (read(packed(idx(array))) == array).all()


@pytest.mark.usefixtures("each_backend")
def test_the_array_belongs_to_the_active_backend_and_may_be_changed(read):
    found = read(idx(numpy.arange(3, dtype="uint8")))
    assert isinstance(found, current().ndarray)
    found[0] = 7
    assert found.tolist() == [7, 1, 2]


# Damaged files

IMAGES = idx(numpy.random.default_rng(0).integers(0, 256, (3, 4, 5), "uint8"))


@packings
def test_a_file_that_is_cut_anywhere_is_refused(read, packed):
    whole = packed(IMAGES)
    for end in range(len(whole)):
        with pytest.raises(IDXError, match=r"numbers.idx"):
            read(whole[:end])


def flips(content):
    for place, bit in itertools.product(range(len(content)), range(8)):
        yield place, content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def test_a_flipped_bit_in_a_header_is_refused_unless_it_names_the_other_type_of_one_byte(read):
    for _, damaged in flips(IMAGES[:16]):
        if damaged[2] == TYPES["int8"]:
            assert (read(damaged + IMAGES[16:]).view("uint8") == read(IMAGES)).all()
        else:
            with pytest.raises(IDXError):
                read(damaged + IMAGES[16:])


def test_a_flipped_bit_in_a_compressed_file_is_refused_or_changes_nothing(read):
    """The checksum covers the numbers; a bit of the time stamp, say, is none of ours."""
    refused = 0
    for _, damaged in flips(zipped(IMAGES)):
        try:
            assert (read(damaged) == read(IMAGES)).all()
        except IDXError:
            refused += 1
    assert refused > 8 * 60, "at least all that hold numbers"


def test_a_flipped_bit_in_the_numbers_of_a_plain_file_changes_this_number_only(read):
    good = read(IMAGES)
    for place, damaged in flips(IMAGES[16:]):
        found = read(IMAGES[:16] + damaged)
        assert found.shape == good.shape
        assert numpy.flatnonzero(found != good).tolist() == [place]


@st.composite
def damages(draw, content):
    """Cut, flip, insert, delete and overwrite, once or several times."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 8)))
        content = content[:start] + draw(st.binary(max_size=8)) + content[end:]
    return content


@packings
@given(data_=st.data())
def test_whatever_is_done_to_a_file_it_is_refused_or_read_as_what_it_says(read, packed, data_):
    damaged = data_.draw(damages(packed(IMAGES)))
    try:
        found = read(damaged)
    except IDXError:
        return
    content = damaged if damaged[:1] == b"\0" else gzip.decompress(damaged)
    assert idx(found) == content


@given(content=st.binary(max_size=200))
def test_foreign_files_are_refused_unless_they_happen_to_be_in_the_format(read, content):
    for foreign in (content, b"\x1f\x8b" + content, b"\0\0" + content, b"\0\0\x08\x03" + content):
        with contextlib.suppress(IDXError):
            assert idx(read(foreign)) == foreign


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is no IDX file: it begins with the bytes \(none\), not with 00 00"),
        (b"\0\0\x08", "is no IDX file: it begins with the bytes 00 00 08, not"),
        (b"%PDF-1.7", "is no IDX file: it begins with the bytes 25 50 44 46, not"),
        (b"\0\0\x0a\x01", r"names the type 0x0a, and known are 0x08 \(uint8\), 0x09 \(int8\), 0x0b \(int16\)"),
        (b"\0\0\x08\x00", "should have 1 to 32 axes, and names 0"),
        (b"\0\0\x08\xff", "should have 1 to 32 axes, and names 255"),
        (b"\0\0\x08\x02" + bytes(7), "ends within the sizes of its 2 axes"),
        (header(8, (0, 5)), r"holds no numbers: the sizes of its axes are \(0, 5\)"),
        (header(8, (2, 3)) + bytes(5), "should hold 2 x 3 numbers of type uint8, 6 bytes, and holds only 5"),
        (header(8, (2, 3)) + bytes(7), "should hold 2 x 3 numbers of type uint8, 6 bytes, and holds more"),
        (header(0x0E, (3,)) + bytes(3), "should hold 3 numbers of type float64, 24 bytes, and holds only 3"),
        (header(8, (2**16,) * 4), "18446744073709551616 bytes, and holds only 0"),
        (header(0x0E, (2**32 - 1,) * 32), "and holds only 0"),
        (zipped(IMAGES)[:-9], "is damaged: Compressed file ended"),
        (zipped(IMAGES)[:-8] + bytes(8), "is damaged: CRC check failed"),
        (zipped(IMAGES)[:30] + bytes(30), "is damaged: "),
        (zipped(IMAGES) + b"more", "is damaged: "),
        (zipped(IMAGES) + zipped(b"more"), "60 bytes, and holds more"),
    ],
)
def test_the_error_says_what_is_wrong(read, content, message):
    with pytest.raises(IDXError, match=message):
        read(content)


# Memory


def test_a_good_file_takes_no_more_memory_than_twice_its_numbers(read):
    for kind in ("uint8", "float64"):
        array = numpy.zeros(1 << 20, kind)
        for packed in PACKINGS.values():
            peak, error = peak_of(read, packed(idx(array)))
            assert error is None
            assert peak <= 2 * array.nbytes + OVERHEAD


@packings
def test_a_file_that_promises_more_than_it_holds_takes_no_memory(read, packed):
    for shape in ((2**32 - 1,), (2**32 - 1,) * 4, (2**30, 2), (60000, 28, 28)):
        peak, error = peak_of(read, packed(header(8, shape) + bytes(1000)))
        assert "holds only 1000" in str(error)
        assert peak < OVERHEAD


def test_a_stream_that_never_seems_to_end_takes_no_memory(tmp_path):
    path = tmp_path / "bomb.gz"
    for promised in (1000, 2**31):
        path.write_bytes(zipped(header(8, (promised,)) + bytes(1 << 24)))
        peak, error = peak_of(read_idx, path)
        assert "and holds " in str(error)
        assert peak < OVERHEAD


@packings
def test_a_large_file_with_damage_at_its_end_takes_no_memory(tmp_path, packed):
    path = tmp_path / "large"
    path.write_bytes(packed(idx(numpy.zeros(1 << 23, "uint8")))[:-1])
    peak, error = peak_of(read_idx, path)
    assert error is not None
    assert peak < OVERHEAD


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    for name in ("missing", "pipe", "."):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            read_idx(tmp_path / name)


# MNIST

RNG = numpy.random.default_rng(0)
GOOD = [
    RNG.integers(0, 256, (6, 28, 28), "uint8"),
    numpy.array([3, 1, 4, 1, 5, 9], "uint8"),
    RNG.integers(0, 256, (2, 28, 28), "uint8"),
    numpy.array([0, 9], "uint8"),
]


@pytest.fixture
def folder(tmp_path):
    """Make a folder with four good files."""
    for name, array in zip(MNIST, GOOD, strict=True):
        (tmp_path / name).write_bytes(idx(array))
    return tmp_path


def loads_well(folder):
    x_train, y_train, x_test, y_test = (mg.asnumpy(part) for part in data.mnist(folder))
    return (
        close(x_train, GOOD[0].reshape(6, 784) / 255.0, condition=10.0).equal
        and close(x_test, GOOD[2].reshape(2, 784) / 255.0).equal
        and (y_train.tolist(), y_test.tolist()) == (GOOD[1].tolist(), GOOD[3].tolist())
    )


@pytest.mark.usefixtures("each_backend")
def test_mnist_gives_flat_images_from_0_to_1_and_labels(folder):
    parts = data.mnist(str(folder))
    assert all(isinstance(part, current().ndarray) for part in parts)
    assert [part.shape for part in parts] == [(6, 784), (6,), (2, 784), (2,)]
    assert [part.dtype for part in parts] == ["float32", "int64", "float32", "int64"]
    assert [part.dtype for part in data.mnist(folder, "float64")] == ["float64", "int64", "float64", "int64"]
    assert (float(parts[0].min()), float(parts[0].max())) == (0.0, 1.0)
    assert loads_well(folder)


@given(spellings=st.lists(st.sampled_from(["", ".gz"]), min_size=4, max_size=4), dotted=st.booleans())
def test_every_file_may_be_compressed_and_spelled_with_a_dot(tmp_path, spellings, dotted):
    for old in tmp_path.iterdir():
        old.unlink()
    for name, end, array in zip(MNIST, spellings, GOOD, strict=True):
        spelled = (name.replace("-idx", ".idx") if dotted else name) + end
        (tmp_path / spelled).write_bytes(zipped(idx(array)) if end else idx(array))
    assert loads_well(tmp_path)


@given(missing=st.sets(st.integers(0, 3), min_size=1))
def test_missing_files_are_named_with_the_place_where_they_are_published(tmp_path, missing):
    for i, (name, array) in enumerate(zip(MNIST, GOOD, strict=True)):
        (tmp_path / name).unlink(missing_ok=True)
        if i not in missing:
            (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(FileNotFoundError) as caught:
        data.mnist(tmp_path)
    message = str(caught.value)
    assert {i for i in range(4) if MNIST[i] in message} == missing
    assert f"in the folder {tmp_path}" in message
    assert "https://ossci-datasets.s3.amazonaws.com/mnist/" in message


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere, which is no folder: missing are train-images"):
        data.mnist(tmp_path / "nowhere")


@packings
@given(which=st.integers(0, 3), data_=st.data())
def test_whatever_is_done_to_one_of_its_files_the_shapes_and_labels_are_right(folder, packed, which, data_):
    path = folder / MNIST[which]
    path.write_bytes(data_.draw(damages(packed(idx(GOOD[which])))))
    with contextlib.suppress(IDXError):
        parts = data.mnist(folder)
        assert [part.shape for part in parts] == [(6, 784), (6,), (2, 784), (2,)]
        assert all((part >= 0).all() for part in parts)
        assert all((part <= 1).all() for part in parts[::2])
        assert all((part <= 9).all() for part in parts[1::2])
    path.write_bytes(idx(GOOD[which]))


@pytest.mark.parametrize("which", range(4))
def test_no_flipped_bit_in_a_header_of_mnist_goes_unseen(folder, which):
    content = idx(GOOD[which])
    end = 4 + 4 * GOOD[which].ndim
    for _, damaged in flips(content[:end]):
        (folder / MNIST[which]).write_bytes(damaged + content[end:])
        with pytest.raises(IDXError):
            data.mnist(folder)


@pytest.mark.parametrize("which", [1, 3])
def test_a_flipped_bit_in_a_label_is_seen_if_the_label_leaves_its_range(folder, which):
    content = idx(GOOD[which])
    for place, damaged in flips(content[8:]):
        (folder / MNIST[which]).write_bytes(content[:8] + damaged)
        if damaged[place] > 9:
            with pytest.raises(IDXError, match=f"labels from 0 to 9, and has the label {damaged[place]}"):
                data.mnist(folder)
        else:
            assert data.mnist(folder)[which].tolist() == list(damaged)


@pytest.mark.usefixtures("each_backend")
@pytest.mark.parametrize(
    ("which", "array", "message"),
    [
        (0, GOOD[0][:5], "holds 5 images, and .*train-labels-idx1-ubyte 6 labels"),
        (1, GOOD[1][:5], "holds 6 images, and .*train-labels-idx1-ubyte 5 labels"),
        (3, GOOD[1], "t10k-images-idx3-ubyte holds 2 images, and .* 6 labels"),
        (0, GOOD[0][:, :27], r"should hold images of 28 x 28 bytes; it holds uint8 numbers of shape \(6, 27, 28\)"),
        (0, GOOD[0].reshape(6, 784), r"should hold images of 28 x 28 bytes; it holds .* \(6, 784\)"),
        (2, GOOD[2].view("int8"), "should hold images of 28 x 28 bytes; it holds int8 numbers"),
        (1, GOOD[0], r"should hold one byte for each label; it holds uint8 numbers of shape \(6, 28, 28\)"),
        (1, GOOD[1].astype("int32"), "should hold one byte for each label; it holds int32 numbers"),
        (3, numpy.array([3, 10], "uint8"), "should hold labels from 0 to 9, and has the label 10"),
    ],
)
def test_files_that_are_not_what_their_names_say_are_refused(folder, which, array, message):
    (folder / MNIST[which]).write_bytes(idx(array))
    with pytest.raises(IDXError, match=message):
        data.mnist(folder)


def test_a_dtype_without_fractions_is_refused(folder):
    with pytest.raises(ValueError, match="need a floating-point dtype"):
        data.mnist(folder, "uint8")


def test_the_error_is_a_value_error():
    assert issubclass(IDXError, ValueError)
    assert data.IDXError is IDXError

"""The two networks of a small DCGAN: in layers, as functions, and by hand in NumPy.

The discriminator takes images of 32 by 32 pixels through three convolutions (3-32-64-128 channels, biases, leaky ReLU)
and a last one over all that is left, to a logit. The generator takes 64 numbers to maps of 4 by 4 (128 channels) and
those through three transposed convolutions (64-32-3), with batch norm and ReLU between and tanh at the end. All kernels
are 4 by 4; those between have stride 2 and a frame of 1, so that they halve or double the size.

By hand the channels come last, every array is allocated once, and a weight is kept as the matrix that its product
needs; `as_kernel` shows it in the usual order.
"""

from itertools import pairwise

import numpy

CHANNELS = (3, 32, 64, 128)
PIXELS = 32
LATENT = 64
SLOPE = 0.2
EPS = 1e-5
KERNEL, STRIDE = 4, 2

# In layers


def discriminator_in(nn):
    """Build the discriminator of a library that has PyTorch's names."""
    layers = []
    for inputs, outputs in pairwise(CHANNELS):
        layers += [nn.Conv2d(inputs, outputs, KERNEL, STRIDE, 1), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Conv2d(CHANNELS[-1], 1, KERNEL))


def generator_in(nn):
    """Build the generator of a library that has PyTorch's names."""
    top = CHANNELS[-1]
    layers = [nn.ConvTranspose2d(LATENT, top, KERNEL, bias=False), nn.BatchNorm2d(top), nn.ReLU()]
    for inputs, outputs in pairwise(CHANNELS[:0:-1]):
        layers += [
            nn.ConvTranspose2d(inputs, outputs, KERNEL, STRIDE, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(
        *layers, nn.ConvTranspose2d(CHANNELS[1], CHANNELS[0], KERNEL, STRIDE, 1, bias=False), nn.Tanh()
    )


def discriminator_parameters(rng):
    """Draw weight and bias of each of its layers, as PyTorch does."""
    parameters = []
    for inputs, outputs in pairwise((*CHANNELS, 1)):
        bound = (KERNEL * KERNEL * inputs) ** -0.5
        parameters.append(rng.uniform(-bound, bound, (outputs, inputs, KERNEL, KERNEL)).astype("float32"))
        parameters.append(rng.uniform(-bound, bound, outputs).astype("float32"))
    return parameters


def generator_parameters(rng):
    """Draw the weights of its layers as DCGAN does, a little wider; scale and shift of each batch norm are 1 and 0."""
    parameters = []
    for inputs, outputs in pairwise((LATENT, *CHANNELS[::-1])):
        parameters.append((0.05 * rng.standard_normal((inputs, outputs, KERNEL, KERNEL))).astype("float32"))
        if outputs != CHANNELS[0]:
            parameters += [numpy.ones(outputs, "float32"), numpy.zeros(outputs, "float32")]
    return parameters


# As functions of the parameters, for the libraries that have no layers


def logits_of(np, convolve, parameters, images):
    """Apply the discriminator: ``convolve(images, kernels, stride, padding)`` is the library's convolution."""
    hidden = images
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        hidden = convolve(hidden, weight, STRIDE, 1) + bias[:, None, None]
        hidden = np.maximum(hidden, SLOPE * hidden)
    return (convolve(hidden, parameters[-2], 1, 0) + parameters[-1]).ravel()


def images_of(np, convolve_transposed, parameters, latent):
    """Apply the generator, likewise."""
    first, *between, last = parameters
    hidden = convolve_transposed(latent, first, 1, 0)
    for scale, shift, weight in zip(between[::3], between[1::3], [*between[2::3], last], strict=True):
        centred = hidden - hidden.mean((0, 2, 3), keepdims=True)
        deviation = np.sqrt((centred * centred).mean((0, 2, 3), keepdims=True) + EPS)
        hidden = centred / deviation * scale[:, None, None] + shift[:, None, None]
        hidden = convolve_transposed(np.maximum(hidden, 0.0), weight, STRIDE, 1)
    return np.tanh(hidden)


def convolve_by_index(np, images, kernels, stride, padding):
    """Convolve in a library that has NumPy's functions only: pick the columns by indices, and multiply."""
    size = kernels.shape[-1]
    framed = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
    rows = (framed.shape[2] - size) // stride + 1
    at = stride * numpy.arange(rows)[:, None] + numpy.arange(size)
    columns = framed[:, :, at[:, None, :, None], at[None, :, None, :]]  # (n, channels, rows, columns, size, size)
    product = np.tensordot(columns, kernels, ((1, 4, 5), (1, 2, 3)))
    return np.transpose(product, (0, 3, 1, 2))


def convolve_transposed_by_blocks(np, maps, kernels, stride, padding):
    """Apply the adjoint likewise: a block of the kernel as large as the stride makes images without overlap."""
    n, _, height, width = maps.shape
    spread = np.transpose(np.tensordot(maps, kernels, (1, 0)), (0, 3, 1, 4, 2, 5))
    starts = range(0, kernels.shape[-1], stride)
    total = 0.0
    for i in starts:
        for j in starts:
            block = spread[:, :, :, i : i + stride, :, j : j + stride]
            image = block.reshape((n, kernels.shape[1], stride * height, stride * width))
            total = total + np.pad(image, ((0, 0), (0, 0), (i, starts[-1] - i), (j, starts[-1] - j)), "constant")
    return total[:, :, padding : total.shape[2] - padding, padding : total.shape[3] - padding]


def convolve_in_jax(images, kernels, stride, padding):
    """Convolve in JAX."""
    from jax import lax

    return lax.conv_general_dilated(images, kernels, (stride, stride), [(padding, padding)] * 2)


def convolve_transposed_in_jax(maps, kernels, stride, padding):
    """Apply the adjoint in JAX."""
    from jax import lax

    frame = kernels.shape[-1] - 1 - padding
    turned = kernels.swapaxes(0, 1)[:, :, ::-1, ::-1]
    return lax.conv_general_dilated(maps, turned, (1, 1), [(frame, frame)] * 2, lhs_dilation=(stride, stride))


# By hand


def as_matrix(kernel):
    """Write a kernel (outputs, inputs, 4, 4) as a matrix (4 · 4 · inputs, outputs)."""
    return kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel)).copy()


def as_kernel(matrix):
    """Show such a matrix as a kernel."""
    return matrix.reshape(KERNEL, KERNEL, -1, matrix.shape[1]).transpose(3, 2, 0, 1)


class Framed:
    """Images with a frame of zeros, whose windows a convolution reads, and its adjoint adds to."""

    def __init__(self, n, size, channels):
        half = size // STRIDE
        self.framed = numpy.zeros((n, size + 2, size + 2, channels), "float32")
        self.image = self.framed[:, 1:-1, 1:-1]
        over_n, down, right, inner = self.framed.strides
        view = numpy.lib.stride_tricks.as_strided
        shape = (n, half, half, KERNEL, KERNEL, channels)
        self.windows = view(self.framed, shape, (over_n, STRIDE * down, STRIDE * right, down, right, inner))
        # two neighbouring columns of the kernel meet every second row of the images without a gap
        self.rows = [
            view(self.framed[:, i:, j:], (n, half, half * STRIDE * channels), (over_n, STRIDE * down, inner))
            for i in range(KERNEL)
            for j in range(0, KERNEL, STRIDE)
        ]

    def gather(self, columns):
        """Copy the windows into the rows of a matrix."""
        numpy.copyto(columns.reshape(self.windows.shape), self.windows)

    def spread(self, maps, matrix, part):
        """Let each number of maps (places, outputs) spread its kernel over the images, and add all up."""
        self.framed.fill(0.0)
        for rows, kernel in zip(self.rows, numpy.split(matrix, len(self.rows)), strict=True):
            numpy.add(rows, numpy.matmul(maps, kernel.T, out=part).reshape(rows.shape), out=rows)


def matrix_in(memory, rows, columns):
    """Use the first numbers of an array as a matrix."""
    return memory[: rows * columns].reshape(rows, columns)


def numbers_of_columns(n, size, matrix):
    """Count the numbers in the columns of a layer on images of that size."""
    return n * (size // STRIDE) ** 2 * len(matrix)


class Convolution:
    """A convolution of `images`: its forward pass, and the two products of its backward pass."""

    def __init__(self, n, size, matrix, memory):
        channels, outputs = len(matrix) // KERNEL**2, matrix.shape[1]
        places = n * (size // STRIDE) ** 2
        self.matrix = matrix
        self.source, self.cotangent = Framed(n, size, channels), Framed(n, size, channels)
        self.images, self.d_images = self.source.image, self.cotangent.image
        self.columns = matrix_in(memory, places, len(matrix))
        self.part = matrix_in(memory, places, STRIDE * channels)  # once this is needed, the columns are not
        self.out = numpy.empty((places, outputs), "float32")

    def forward(self):
        """Put the product of the columns and the weight into `out`."""
        self.source.gather(self.columns)
        numpy.matmul(self.columns, self.matrix, out=self.out)

    def pull_to_weight(self, d, d_matrix):
        """Put the gradient of the weight into `d_matrix`."""
        numpy.matmul(self.columns.T, d, out=d_matrix)

    def pull_to_images(self, d):
        """Put the gradient of the images into `d_images`."""
        self.cotangent.spread(d, self.matrix, self.part)
        return self.d_images


class TransposedConvolution:
    """A transposed convolution of `maps`, a matrix with one row for each place."""

    def __init__(self, n, size, matrix, memory):
        channels, inputs = len(matrix) // KERNEL**2, matrix.shape[1]
        places = n * (size // STRIDE) ** 2
        self.matrix = matrix
        self.result, self.cotangent = Framed(n, size, channels), Framed(n, size, channels)
        self.images, self.d_images = self.result.image, self.cotangent.image
        self.columns = matrix_in(memory, places, len(matrix))
        self.part = matrix_in(memory, places, STRIDE * channels)
        self.maps, self.d_maps = (numpy.empty((places, inputs), "float32") for _ in range(2))

    def forward(self):
        """Put the sum of all copies of the kernel into `images`."""
        self.result.spread(self.maps, self.matrix, self.part)

    def pull(self, d_matrix):
        """Take `d_images` back to the weight, into `d_matrix`, and to the maps."""
        self.cotangent.gather(self.columns)
        numpy.matmul(self.columns.T, self.maps, out=d_matrix)
        return numpy.matmul(self.columns, self.matrix, out=self.d_maps)


class LeakyReLU:
    """max(y, slope · y)."""

    def __init__(self, y):
        self.y, self.d, self.mask = y, numpy.empty_like(y), numpy.empty(y.shape, bool)

    def forward(self, out):
        """Put it into `out`, which may have the shape of images."""
        numpy.multiply(self.y, SLOPE, out=self.d)
        numpy.maximum(self.y.reshape(out.shape), self.d.reshape(out.shape), out=out)

    def pull(self, d_out):
        """Take its cotangent back to y."""
        numpy.multiply(numpy.greater(self.y, 0.0, out=self.mask), numpy.float32(1.0 - SLOPE), out=self.d)
        numpy.add(self.d, SLOPE, out=self.d)
        numpy.multiply(d_out, self.d.reshape(d_out.shape), out=self.d.reshape(d_out.shape))
        return self.d


class BatchNormReLU:
    """max(x̂ · scale + shift, 0), and the running statistics that a layer keeps."""

    def __init__(self, images, out, scale, shift):
        self.images, self.out, self.scale, self.shift = images, out, scale, shift
        self.standard, self.work, self.zeros = numpy.empty_like(out), numpy.empty_like(out), numpy.zeros_like(out)
        self.mask = numpy.empty(out.shape, bool)
        self.shares = numpy.full(len(out), 1.0 / len(out), "float32")
        self.running_mean, self.running_variance = numpy.zeros_like(scale), numpy.ones_like(scale)

    def forward(self):
        """Normalise the images into `out`."""
        x, out, shares = self.standard, self.out, self.shares
        numpy.copyto(x.reshape(self.images.shape), self.images)
        mean = shares @ x
        numpy.subtract(x, mean, out=x)
        variance = shares @ numpy.multiply(x, x, out=self.work)
        self.inverse = (variance + EPS) ** -0.5
        numpy.multiply(x, self.inverse, out=x)
        numpy.multiply(x, self.scale, out=out)
        numpy.add(out, self.shift, out=out)
        numpy.maximum(out, self.zeros, out=out)
        self.running_mean += 0.1 * (mean - self.running_mean)
        self.running_variance += 0.1 * (variance * (len(x) / (len(x) - 1)) - self.running_variance)

    def pull(self, d, d_scale, d_shift, d_images):
        """Take the cotangent d of `out`, which is used up, to scale, shift and the images."""
        numpy.multiply(d, numpy.greater(self.out, 0.0, out=self.mask), out=d)
        numpy.matmul(self.shares, d, out=d_shift)
        numpy.matmul(self.shares, numpy.multiply(d, self.standard, out=self.work), out=d_scale)
        numpy.subtract(d, d_shift, out=d)
        numpy.subtract(d, numpy.multiply(self.standard, d_scale, out=self.work), out=d)
        numpy.multiply(d.reshape(d_images.shape), self.scale * self.inverse, out=d_images)
        d_scale *= len(d)
        d_shift *= len(d)


class Discriminator:
    """Its forward pass, and its backward pass to the parameters or to the images.

    The way to the parameters needs the columns of the forward pass; without it, all layers share the memory for them.
    """

    def __init__(self, n, parameters, *, to_parameters):
        self.to_parameters = to_parameters
        self.parameters = [*map(as_matrix, parameters[::2]), *(bias.copy() for bias in parameters[1::2])]
        self.gradients = [numpy.empty_like(theta) for theta in self.parameters]
        *matrices, last = self.parameters[:4]
        self.last, self.biases = last[:, 0], self.parameters[4:]
        sizes = [PIXELS >> i for i in range(len(matrices))]
        numbers = [numbers_of_columns(n, size, matrix) for size, matrix in zip(sizes, matrices, strict=True)]
        shared = numpy.empty(0 if to_parameters else max(numbers), "float32")
        memories = [numpy.empty(count, "float32") if to_parameters else shared for count in numbers]
        self.layers = [Convolution(n, *which) for which in zip(sizes, matrices, memories, strict=True)]
        self.leaky = [LeakyReLU(layer.out) for layer in self.layers]
        self.ones = [numpy.ones(len(layer.out), "float32") for layer in self.layers]
        self.images = self.layers[0].images
        self.features, self.d_features = (numpy.empty((n, len(last)), "float32") for _ in range(2))
        self.inner = [layer.images for layer in self.layers[1:]] + [self.features.reshape(self.layers[-1].out.shape)]
        self.logits = numpy.empty(n, "float32")

    def shown(self):
        """Give the gradients in the order of the layers, with the usual shapes."""
        weights, biases = map(as_kernel, self.gradients[:4]), self.gradients[4:]
        return [gradient for pair in zip(weights, biases, strict=True) for gradient in pair]

    def forward(self):
        """Take `images` to `logits`."""
        for layer, leaky, bias, inner in zip(self.layers, self.leaky, self.biases[:3], self.inner, strict=True):
            layer.forward()
            numpy.add(layer.out, bias, out=layer.out)
            leaky.forward(inner)
        numpy.matmul(self.features, self.last, out=self.logits)
        numpy.add(self.logits, self.biases[3], out=self.logits)
        return self.logits

    def pull(self, d_logits):
        """Take a cotangent of the logits to `gradients`, or else to the images, which it returns."""
        d = numpy.multiply(d_logits[:, None], self.last, out=self.d_features)
        if self.to_parameters:
            numpy.matmul(d_logits, self.features, out=self.gradients[3][:, 0])
            numpy.sum(d_logits, keepdims=True, out=self.gradients[7])
        for i in (2, 1, 0):
            d = self.leaky[i].pull(d.reshape(self.inner[i].shape))
            if self.to_parameters:
                self.layers[i].pull_to_weight(d, self.gradients[i])
                numpy.matmul(self.ones[i], d, out=self.gradients[4 + i])
            if i or not self.to_parameters:
                d = self.layers[i].pull_to_images(d)
        return d


class Generator:
    """Its forward pass, and its backward pass from the images to the parameters."""

    def __init__(self, n, parameters):
        self.parameters = [as_matrix(p) if p.ndim == 4 else p.copy() for p in parameters]
        self.gradients = [numpy.empty_like(theta) for theta in self.parameters]
        self.first, *matrices = self.parameters[::3]
        top = len(self.first) // KERNEL**2
        self.maps, self.d_maps = (numpy.empty((n, KERNEL, KERNEL, top), "float32") for _ in range(2))
        sizes = [PIXELS >> i for i in reversed(range(len(matrices)))]
        memory = numpy.empty(max(map(numbers_of_columns, (n,) * 3, sizes, matrices)), "float32")
        self.layers = [TransposedConvolution(n, size, m, memory) for size, m in zip(sizes, matrices, strict=True)]
        images = [self.maps, *(layer.images for layer in self.layers[:-1])]
        norms = zip(images, self.layers, self.parameters[1::3], self.parameters[2::3], strict=True)
        self.norms = [BatchNormReLU(x, layer.maps, scale, shift) for x, layer, scale, shift in norms]
        self.images, self.d_images = numpy.empty_like(self.layers[-1].images), self.layers[-1].d_images
        self.before = [self.d_maps, *(layer.d_images for layer in self.layers[:-1])]

    def shown(self):
        """Give the gradients in the order of the layers, with the usual shapes."""
        return [as_kernel(gradient) if gradient.ndim == 2 else gradient for gradient in self.gradients]

    def forward(self, latent):
        """Take latent vectors, one per row, to `images`."""
        numpy.matmul(latent, self.first.T, out=self.maps.reshape(len(latent), -1))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            norm.forward()
            layer.forward()
        return numpy.tanh(self.layers[-1].images, out=self.images)

    def pull(self, d, latent):
        """Take a cotangent of the images to `gradients`."""
        numpy.multiply(self.images, self.images, out=self.d_images)
        numpy.subtract(1.0, self.d_images, out=self.d_images)
        numpy.multiply(self.d_images, d, out=self.d_images)
        for i in (2, 1, 0):
            d = self.layers[i].pull(self.gradients[3 * i + 3])
            self.norms[i].pull(d, *self.gradients[3 * i + 1 : 3 * i + 3], self.before[i])
        numpy.matmul(self.d_maps.reshape(len(latent), -1).T, latent, out=self.gradients[0])


def softplus(x):
    """Give log(1 + exp(x)) without overflow."""
    return numpy.maximum(x, 0.0) + numpy.log1p(numpy.exp(-abs(x)))


def sigmoid(x):
    """Give the derivative of softplus."""
    decay = numpy.exp(-abs(x))
    return numpy.where(x >= 0.0, 1.0, decay) / (1.0 + decay)

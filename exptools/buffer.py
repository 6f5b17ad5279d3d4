"""Buffers of samples, at the path where scripts of the original look for them."""

from exptools.compat.buffer import (
    buffer_from_example,
    buffer_func,
    buffer_method,
    buffer_to,
    build_array,
    get_leading_dims,
    np_mp_array,
    numpify_buffer,
    torchify_buffer,
)

__all__ = [
    "buffer_from_example",
    "buffer_func",
    "buffer_method",
    "buffer_to",
    "build_array",
    "get_leading_dims",
    "np_mp_array",
    "numpify_buffer",
    "torchify_buffer",
]

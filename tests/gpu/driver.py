"""What the libraries of NVIDIA's driver themselves say of the GPUs, without torch.

python tests/gpu/driver.py cuda | torch | egl | files     prints what it says as JSON
python tests/gpu/driver.py hold <MiB>                     holds so much of CUDA's first GPU
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any, NamedTuple

MIB = 1 << 20
_EGL_DRM_DEVICE_FILE = 0x3233
_EGL_CUDA_DEVICE = 0x323A
_EGL_DEVICE_UUID = 0x335C


class Device(NamedTuple):
    """A GPU as one library lists it; what it does not tell is None."""

    index: int  # in that library's list
    uuid: str | None = None  # without "GPU-" or "MIG-", which CUDA and EGL do not say
    name: str | None = None
    bus: str | None = None  # as in sysfs: "0000:1a:00.0"
    cuda: int | None = None  # EGL only: the index that it says CUDA has for it


class DriverError(Exception):
    """A library is not there, or answers a question with an error."""


class Cuda:
    """CUDA's driver interface, started in this process."""

    def __init__(self) -> None:
        self._library = _load("libcuda.so.1")
        self._ask("cuInit", 0)

    def devices(self) -> list[Device]:
        """The GPUs that ``CUDA_VISIBLE_DEVICES`` leaves, in CUDA's order."""
        count = ctypes.c_int()
        self._ask("cuDeviceGetCount", ctypes.byref(count))
        return [self._device(index) for index in range(count.value)]

    def hold(self, mib: int) -> None:
        """Take memory of the first GPU until this process ends."""
        context, memory = ctypes.c_void_p(), ctypes.c_uint64()
        self._ask("cuCtxCreate_v2", ctypes.byref(context), 0, self._handle(0))
        self._ask("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(mib * MIB))

    def _device(self, index: int) -> Device:
        handle = self._handle(index)
        unique, text = (ctypes.c_ubyte * 16)(), ctypes.create_string_buffer(256)
        # The first version names the whole GPU where a part of it (MIG) is asked for.
        newest = "cuDeviceGetUuid_v2" if hasattr(self._library, "cuDeviceGetUuid_v2") else None
        self._ask(newest or "cuDeviceGetUuid", unique, handle)
        self._ask("cuDeviceGetName", text, len(text), handle)
        name = text.value.decode()
        self._ask("cuDeviceGetPCIBusId", text, len(text), handle)
        return Device(index, str(uuid.UUID(bytes=bytes(unique))), name, text.value.decode().lower())

    def _handle(self, index: int) -> ctypes.c_int:
        handle = ctypes.c_int()
        self._ask("cuDeviceGet", ctypes.byref(handle), index)
        return handle

    def _ask(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            raise DriverError(f"{function} answers with error {code}")


def torch_devices() -> list[Device]:
    """The GPUs as torch lists them."""
    import torch

    if torch.version.cuda is None:
        raise DriverError("torch is built without CUDA")
    found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    # Before torch 2.5 there is no UUID.
    uuids = [str(one.uuid) if hasattr(one, "uuid") else None for one in found]
    return [Device(i, uuids[i], one.name) for i, one in enumerate(found)]


def egl_devices() -> list[Device]:
    """The devices that EGL lists, on which a program may render without a display."""
    functions = _EglFunctions()
    handles, count = (ctypes.c_void_p * 64)(), ctypes.c_int()
    if not functions.list_devices(64, handles, ctypes.byref(count)):
        raise DriverError("eglQueryDevicesEXT fails")
    return [functions.describe(index, handles[index]) for index in range(count.value)]


class _EglFunctions:
    def __init__(self) -> None:
        find = _load("libEGL.so.1").eglGetProcAddress
        find.restype = ctypes.c_void_p

        def function(name: str, *arguments: Any, result: Any = ctypes.c_uint) -> Any:
            address = find(name.encode())
            return ctypes.CFUNCTYPE(result, *arguments)(address) if address else None

        pointer, integer = ctypes.c_void_p, ctypes.c_int
        self.list_devices = function("eglQueryDevicesEXT", integer, pointer, pointer)
        self._attribute = function("eglQueryDeviceAttribEXT", pointer, integer, pointer)
        text = ctypes.c_char_p
        self._string = function("eglQueryDeviceStringEXT", pointer, integer, result=text)
        binary = (pointer, integer, integer, pointer, pointer)
        self._binary = function("eglQueryDeviceBinaryEXT", *binary)
        if not self.list_devices or not self._attribute or not self._string:
            raise DriverError("this EGL cannot list devices")

    def describe(self, index: int, handle: int) -> Device:
        """A device by all the names that it has outside of EGL."""
        unique, size = (ctypes.c_ubyte * 16)(), ctypes.c_int()
        told = self._binary and self._binary(
            handle, _EGL_DEVICE_UUID, 16, unique, ctypes.byref(size)
        )
        cuda = ctypes.c_ssize_t(-1)
        knows_cuda = self._attribute(handle, _EGL_CUDA_DEVICE, ctypes.byref(cuda))
        node = self._string(handle, _EGL_DRM_DEVICE_FILE)
        return Device(
            index,
            uuid=str(uuid.UUID(bytes=bytes(unique))) if told else None,
            bus=_bus_of(node.decode()) if node else None,
            cuda=cuda.value if knows_cuda else None,
        )


def _bus_of(node: str) -> str | None:
    """The PCI address of a device file such as ``/dev/dri/card0``."""
    device = Path("/sys/class/drm", Path(node).name, "device")
    return device.resolve().name if device.exists() else None


def opened_files() -> dict[str, list[str]]:
    """Which device files this process has open: at first, with NVML, with CUDA."""
    import pynvml

    opened = {"at first": _device_files()}
    pynvml.nvmlInit()
    opened["with NVML"] = _device_files()
    pynvml.nvmlShutdown()
    opened["after NVML"] = _device_files()
    cuda = Cuda()
    opened["with CUDA"] = _device_files()
    cuda.hold(1)
    opened["with a context"] = _device_files()
    return opened


def _device_files() -> list[str]:
    names = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # that of the listing itself
            continue
        if name.startswith("/dev/") and not name.startswith(("/dev/null", "/dev/pts", "/dev/tty")):
            names.add(name)
    return sorted(names)


def _load(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise DriverError(f"{name} cannot be loaded ({error})") from None


def main(what: str, *arguments: str) -> None:
    """Answer one question on standard output."""
    if what == "hold":
        Cuda().hold(int(arguments[0]))
        print("held", flush=True)
        sys.stdin.read()
        return
    questions = {
        "cuda": lambda: Cuda().devices(),
        "torch": torch_devices,
        "egl": egl_devices,
        "files": opened_files,
    }
    try:
        print(json.dumps(questions[what]()))
    except (DriverError, ImportError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])

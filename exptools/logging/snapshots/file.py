"""One snapshot file: written whole or not at all, and read only if it is whole."""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import IO, Any

from exptools.logging.errors import as_logging_error
from exptools.plain_files import open_plain

_ZIP = b"PK\x03\x04"  # begins what torch saves
_CRC_MARK = b"crc32"  # ends what cloudpickle saves, before four bytes; pickle stops before it
_CHUNK = 2**20  # bytes
# A module or a class is pickled by its name, whatever it holds.
_WITHOUT_TENSORS = (str, bytes, int, float, type(None), type, ModuleType, FunctionType)


class SnapshotError(ValueError):
    """A state that cannot be saved, or a snapshot that is not there or cannot be loaded."""


class DamagedSnapshot(SnapshotError):
    """A snapshot file that is not whole."""


def write_snapshot(path: Path, content: object, *, with_torch: bool) -> None:
    """Write a snapshot; when this returns, the disk has it. What fails may leave a part.

    Raises:
        SnapshotError: the content cannot be pickled.
        LoggingError: the disk is full, or the file cannot be made.
    """
    with as_logging_error(path), open(path, "wb", opener=open_plain) as file:
        _dump(content, _PickleTarget(file), with_torch=with_torch)
        file.flush()
        os.fsync(file.fileno())


def copy_snapshot(path: Path, other: Path) -> None:
    """Copy a snapshot; a second name for one file would share its damages.

    Raises:
        LoggingError: the disk is full.
    """
    import shutil

    with (
        as_logging_error(other),
        open(path, "rb", opener=open_plain) as source,
        open(other, "wb", opener=open_plain) as target,
    ):
        shutil.copyfileobj(source, target, _CHUNK)
        target.flush()
        os.fsync(target.fileno())


def sync_directory(directory: Path) -> None:
    """Let the disk have the names of the files in a directory."""
    if os.name == "nt":
        return  # there a directory cannot be opened
    with as_logging_error(directory):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_snapshot(path: Path, map_location: Any = None) -> Any:
    """What a snapshot file holds, after a look at its checksums.

    Raises:
        DamagedSnapshot: the file is not whole.
        SnapshotError: it is another user's; or it is whole, but cannot be unpickled here.
        LoggingError: it cannot be read, or is a link or no regular file.
    """
    with as_logging_error(path), open(path, "rb", opener=open_plain) as file:
        _refuse_anothers(path, file)
        is_torchs = file.read(len(_ZIP)) == _ZIP
        damage, is_checked = _zip_damage(file) if is_torchs else _pickle_damage(file)
        if damage is None:
            import pickle

            file.seek(0)
            try:
                return _load_torch(file, map_location) if is_torchs else pickle.load(file)
            except MemoryError:
                raise
            except Exception as error:  # a pickle can raise anything
                # Only where no checksum vouches for the file may this be the file's fault.
                kind = SnapshotError if is_checked else DamagedSnapshot
                raise kind(f"{path} cannot be loaded: {_reason(error)}") from error
    raise DamagedSnapshot(f"{path} is damaged: {damage}")


def holds_tensors(state: object) -> bool:
    """Whether there is a tensor or a module of torch in the state, which need not be imported.

    Looks into dicts, lists, tuples, sets and the attributes of objects.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    wanted = (torch.Tensor, torch.nn.Module, torch.optim.Optimizer)
    seen: set[int] = set()
    waiting: list[object] = [state]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _WITHOUT_TENSORS) or id(value) in seen:
            continue
        if isinstance(value, wanted):
            return True
        seen.add(id(value))
        waiting.extend(_children(value))
    return False


def _refuse_anothers(path: Path, file: IO[bytes]) -> None:
    """Raise a SnapshotError where another user owns a file whose code would be run."""
    if not hasattr(os, "geteuid"):
        return
    owner = os.fstat(file.fileno()).st_uid
    if owner in (os.geteuid(), _owner_of_ours(path.parent)):
        return
    raise SnapshotError(
        f"{path} is of another user (id {owner}), whose code would be run by loading it: if you "
        "trust it, put a copy of your own in its place (cp, then mv)"
    )


def _owner_of_ours(directory: Path) -> int | None:
    """Whose our files are there: some file servers give them to another than us."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            return os.fstat(file.fileno()).st_uid
    except OSError:
        return None


class _PickleTarget:
    """The file that a pickler writes to; keeps what torch hides behind an error of its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None
        self.crc = 0

    def write(self, data: Any) -> int:
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self.crc = zlib.crc32(data, self.crc)
        return memoryview(data).nbytes

    def flush(self) -> None:
        self._file.flush()


def _dump(content: object, target: _PickleTarget, *, with_torch: bool) -> None:
    import cloudpickle

    try:
        if with_torch:
            # Functions and classes of __main__ are pickled by cloudpickle here, too.
            sys.modules["torch"].save(content, target, pickle_module=cloudpickle)
        else:
            cloudpickle.dump(content, target)
            target.write(_CRC_MARK + target.crc.to_bytes(4, "big"))
    except Exception as error:
        if target.error is not None:
            raise target.error from error
        if isinstance(error, OSError):
            raise
        raise SnapshotError(
            f"the snapshot cannot be pickled: {_reason(error)}; give what can be, "
            "such as state_dict() of models and optimizers"
        ) from error


def _load_torch(file: IO[bytes], map_location: Any) -> Any:
    import torch

    return torch.load(file, map_location=map_location, weights_only=False)


def _zip_damage(file: IO[bytes]) -> tuple[str | None, bool]:
    """What is wrong with what torch saved, which torch itself does not look for."""
    import zipfile

    try:
        with zipfile.ZipFile(file) as archive:
            part = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        return _reason(error), True
    return (f"{part} has another checksum" if part else None), True


def _pickle_damage(file: IO[bytes]) -> tuple[str | None, bool]:
    """What is wrong with a pickle, and whether it has a checksum that tells."""
    length = file.seek(0, os.SEEK_END) - len(_CRC_MARK) - 4
    file.seek(max(length, 0))
    if file.read(len(_CRC_MARK)) != _CRC_MARK:
        return None, False  # cut off, or of another program
    expected = int.from_bytes(file.read(4), "big")
    file.seek(0)
    crc, left = 0, length
    while left:
        chunk = file.read(min(left, _CHUNK))
        crc, left = zlib.crc32(chunk, crc), left - len(chunk)
    return (None if crc == expected else "it has another checksum"), True


def _children(value: Any) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    yield from getattr(value, "__dict__", {}).values()


def _reason(error: BaseException) -> str:
    message = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__

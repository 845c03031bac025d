"""Motion-JPEG in AVI files, without a video library.

An AVI file is a tree of RIFF chunks: four letters, a length, content padded to an even length. Frames are the chunks
``NNdc`` or ``NNdb`` in the list ``movi``, each a JPEG image of its own. Microsoft, AVI RIFF File Reference; OpenDML AVI
Extensions 1.02 for files of several RIFF chunks.
"""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from twin.atomic import replaced

Frames = npt.NDArray[np.uint8]
"""Grey images (n, height, width)."""

CODECS = (b"MJPG", b"AVRN", b"LJPG", b"JPEG")
QUALITY = 90
"""Of JPEG, of 100."""


class UndecodableError(ValueError):
    """A video that cannot be read, and why."""


def write_avi(path: Path, frames: Frames, fps: float) -> None:
    """Writes grey frames (n, h, w) as motion-JPEG of ``fps`` frames a second."""
    n, height, width = frames.shape
    images = [_encoded(frame) for frame in frames]
    largest = max(len(image) for image in images)
    scale, rate = 1000, round(1000 * fps)
    header = struct.pack(
        "<14I", round(1e6 / fps), largest * round(fps), 0, 0x10, n, 0, 1, largest, width, height, 0, 0, 0, 0
    )  # 0x10: the file has an index
    stream = b"vidsMJPG" + struct.pack("<10I4H", 0, 0, 0, scale, rate, 0, n, largest, 10000, 0, 0, 0, width, height)
    image = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", 3 * width * height, 0, 0, 0, 0)
    strl = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", image))
    chunks = [_chunk(b"00dc", content) for content in images]
    offsets = np.cumsum([4, *(len(chunk) for chunk in chunks)])  # from the list's name on
    index = b"".join(
        b"00dc" + struct.pack("<3I", 0x10, start, len(content))  # 0x10: a key frame
        for start, content in zip(offsets[:-1].tolist(), images, strict=True)
    )
    movi = _list(b"movi", b"".join(chunks))
    body = b"AVI " + _list(b"hdrl", _chunk(b"avih", header) + strl) + movi + _chunk(b"idx1", index)
    with replaced(path) as temporary:
        temporary.write_bytes(_chunk(b"RIFF", body))


def read_avi(path: Path) -> Frames:
    """Grey frames (n, h, w) of a motion-JPEG file. UndecodableError says what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UndecodableError(f"{path}: cannot be read ({error.strerror})") from error
    if content[:4] != b"RIFF" or content[8:12] != b"AVI ":
        raise UndecodableError(f"{path}: expected an AVI file, got one that starts with {content[:12]!r}")
    view = memoryview(content)
    frames: list[npt.NDArray[np.uint8]] = []
    for name, part in _leaves(view):
        if name == b"strh" and bytes(part[:4]) == b"vids" and bytes(part[4:8]).upper() not in (*CODECS, b"\0\0\0\0"):
            raise UndecodableError(
                f"{path}: expected motion-JPEG, got codec {bytes(part[4:8])!r}; convert it, for example with "
                f"ffmpeg -i {path.name} -c:v mjpeg -q:v 2 converted.avi"
            )
        if name[2:] in (b"dc", b"db") and (len(part) or frames):
            frames.append(_decoded(path, part, len(frames)) if len(part) else frames[-1])  # empty: shown once more
    if not frames:
        raise UndecodableError(f"{path}: holds no frame")
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1:
        raise UndecodableError(f"{path}: frames differ in size: {sorted(shapes)}")
    return np.stack(frames)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)


def _leaves(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of every chunk that is no list; the last may be cut off."""
    start = 0
    while start + 8 <= len(view):
        name, (length,) = bytes(view[start : start + 4]), struct.unpack("<I", view[start + 4 : start + 8])
        part = view[start + 8 : start + 8 + length]
        if name in (b"RIFF", b"LIST"):
            yield from _leaves(part[4:])
        else:
            yield name, part
        start += 8 + length + length % 2


def _encoded(frame: npt.NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(frame).save(target, format="JPEG", quality=QUALITY)
    return target.getvalue()


def _decoded(path: Path, content: memoryview, position: int) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise UndecodableError(f"{path}: frame {position} is no whole JPEG image ({error})") from error

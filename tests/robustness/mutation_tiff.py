"""TIFF files whose headers lie."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

import tifffile
from mutation import mutator

WIDTH, LENGTH, BITS, COMPRESSION, OFFSETS, SAMPLES, ROWS, COUNTS = (
    *(256, 257, 258, 259, 273, 277, 278, 279),
)
DESCRIPTION, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 270, 322, 323, 324, 325


@dataclass(frozen=True)
class _Layout:
    """Where things lie. entries: (tag, place in the file); links: to pages; pages: themselves."""

    order: str
    big: bool
    entries: list[tuple[int, int]]
    links: list[int]
    pages: list[int]


def _layout(content: bytes) -> _Layout:
    order = "<" if content[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", content, 2)[0] == 43
    word, count_type, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    link = 8 if big else 4
    entries, links, pages = [], [], []
    while (page := struct.unpack_from(order + word, content, link)[0]) != 0:
        if page in pages:
            raise ValueError("pages in a ring: a mutator has been here before")
        links.append(link)
        pages.append(page)
        number = struct.unpack_from(order + count_type, content, page)[0]
        start = page + struct.calcsize("<" + count_type)
        entries += [
            (struct.unpack_from(order + "H", content, start + size * n)[0], start + size * n)
            for n in range(number)
        ]
        link = start + size * number
    return _Layout(order, big, entries, [*links, link], pages)


def _set(path: Path, tags: set[int], value: int, rng: Random, everywhere: bool = True) -> None:
    """Give tags a value of one number, in all pages or in one of them."""
    content = bytearray(path.read_bytes())
    layout = _layout(bytes(content))
    places = [place for tag, place in layout.entries if tag in tags]
    for place in places if everywhere else [rng.choice(places)]:
        if layout.big:
            struct.pack_into(layout.order + "HQQ", content, place + 2, 16, 1, value)
        else:
            value = min(value, 2**32 - 1)
            struct.pack_into(layout.order + "HII", content, place + 2, 4, 1, value)
    path.write_bytes(content)


@mutator("tiff")
def a_huge_declared_shape(path: Path, rng: Random) -> None:
    _set(path, {rng.choice([WIDTH, LENGTH])}, rng.choice([10**6, 2**31, 2**32 - 1]), rng)


@mutator("tiff")
def a_zero_sized_axis(path: Path, rng: Random) -> None:
    _set(path, {rng.choice([WIDTH, LENGTH])}, 0, rng)


@mutator("tiff")
def data_beyond_the_end(path: Path, rng: Random) -> None:
    size = path.stat().st_size
    _set(path, {OFFSETS, TILE_OFFSETS}, rng.choice([size, size + 10, 2**31, 2**62]), rng)


@mutator("tiff", malformed=False)  # where the values lie together, nobody needs it
def a_huge_byte_count(path: Path, rng: Random) -> None:
    _set(path, {COUNTS, TILE_COUNTS}, rng.choice([2**31, 2**32 - 1, 2**60]), rng)


@mutator("tiff")
def an_unusual_kind_of_values(path: Path, rng: Random) -> None:
    _set(path, {BITS}, rng.choice([0, 65, 4096, 65535]), rng)


@mutator("tiff")
def an_unknown_compression(path: Path, rng: Random) -> None:
    _set(path, {COMPRESSION}, rng.choice([0, 9, 255, 12345, 65535]), rng)


@mutator("tiff", malformed=False)
def another_compression(path: Path, rng: Random) -> None:
    _set(path, {COMPRESSION}, rng.choice([2, 3, 4, 5, 6, 7, 8, 32773, 33003, 34712, 50000]), rng)


@mutator("tiff", malformed=False)
def any_entry_of_any_value(path: Path, rng: Random) -> None:
    tags = {tag for tag, _ in _layout(path.read_bytes()).entries}
    value = rng.choice([0, 1, 2, 255, 65535, 2**31 - 1, 2**32 - 1, 2**63, rng.randrange(2**32)])
    _set(path, {rng.choice(sorted(tags))}, value, rng, rng.random() < 0.5)


@mutator("tiff")
def wrong_endianness(path: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    content[:2] = b"MM" if content[:2] == b"II" else b"II"
    path.write_bytes(content)


@mutator("tiff")
def pages_in_a_ring(path: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    layout = _layout(bytes(content))
    target = rng.choice(layout.pages)
    struct.pack_into(layout.order + ("Q" if layout.big else "I"), content, layout.links[-1], target)
    path.write_bytes(content)


@mutator("tiff")
def a_page_that_is_no_page(path: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    layout = _layout(bytes(content))
    target = rng.choice([1, 3, len(content) - 1, len(content) + 5, 2**31])
    link = rng.choice(layout.links)
    struct.pack_into(layout.order + ("Q" if layout.big else "I"), content, link, target)
    path.write_bytes(content)


@mutator("tiff", malformed=False)
def subpages_in_a_ring(path: Path, rng: Random) -> None:
    layout = _layout(path.read_bytes())
    tags = sorted({tag for tag, _ in layout.entries} - {WIDTH, LENGTH, BITS, OFFSETS, TILE_OFFSETS})
    content = bytearray(path.read_bytes())
    tag = rng.choice(tags)
    place = next(place for one, place in layout.entries if one == tag)
    pattern = "HHQQ" if layout.big else "HHII"
    struct.pack_into(layout.order + pattern, content, place, 330, 13, 1, layout.pages[0])
    path.write_bytes(content)


@mutator("tiff")
def a_zip_bomb(path: Path, rng: Random) -> None:
    """A deflated strip that unpacks to far more than the page, or to all of a huge page."""
    side = rng.choice([64, 60_000])
    packer = zlib.compressobj(9)
    block = bytes(2**20)
    packed = b"".join(packer.compress(block) for _ in range(1200)) + packer.flush()
    entries = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    entries += [(273, 4, 200), (278, 4, side), (279, 4, len(packed))]
    body = b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(entries)
    )
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + bytes(4)
    path.write_bytes(head.ljust(200, b"\0") + packed)


_LIES = (
    "ImageJ=1.54\nimages={huge}\nslices={huge}\nunit=um\nspacing=1\n",
    "ImageJ=1.54\nimages=6\nslices=-6\nchannels=0\n",
    '{{"shape": [{huge}, 20, 24]}}',
    '{{"shape": "six"}}',
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image><Pixels SizeX="{huge}" '
    'SizeY="20" SizeZ="{huge}" SizeC="1" SizeT="1" Type="uint8" DimensionOrder="XYZCT">'
    "<TiffData/></Pixels></Image></OME>",
    '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image Name="&c;&c;"/></OME>',
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image><Pixels SizeX="24" '
    'SizeY="20" SizeZ="6" SizeC="1" SizeT="1" Type="uint8" DimensionOrder="XYZCT"><TiffData>'
    '<UUID FileName="../../../../etc/passwd">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>',
    "<OME><Image><Pixels>" + "<a>" * 400,
)


@mutator("tiff", malformed=False)
def lying_metadata(path: Path, rng: Random) -> None:
    text = rng.choice(_LIES).format(huge=rng.choice([0, 7, 10**6, 10**12]))
    array = tifffile.imread(path)
    tifffile.imwrite(path, array, description=text, metadata=None, photometric="minisblack")

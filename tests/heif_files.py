"""HEIC files, built from boxes around one coded picture."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

# 64 x 64 pixels: the blocks of `color_blocks`, coded with x265 for Carlens.
_CONFIGURATION = base64.b85decode(
    b"0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093kN^M!000939=ZZRVE_RDD?$MQ18@KU0|1Z!00RI3"
    b"0{|YNAb|yz>PacCZUPz%2mk;B0LTCU0{{p>VgLaE2SfqEa<C#m"
)
CODED = base64.b85decode(
    b"0000#C;_ho_(3vh+yBXj|Ns22UD<z=6G49G^ZGsi_x4x+{g{r;KL3jk=-<;UH~;m<@%+F23y**P3@2Fq)CwQ"
)
SIDE = 64


def box(kind: bytes, *contents: bytes) -> bytes:
    """Build a box."""
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind: bytes, *contents: bytes, version: int = 0) -> bytes:
    """Build a box with a version."""
    return box(kind, struct.pack(">I", version << 24), *contents)


def heic(
    *transforms: bytes,
    width: int = SIDE,
    height: int = SIDE,
    brand: bytes = b"heic",
    coded: bytes = CODED,
    more: bytes = b"",
) -> bytes:
    """Build a HEIC file with one picture.

    Parameters
    ----------
    *transforms : bytes
        Properties of the picture, such as `box(b"irot", b"\\1")`.
    width, height : int
        What the file declares.
    brand : bytes
    coded : bytes
        What the decoder gets.
    more : bytes
        Boxes at the end of the list of items.
    """
    head = box(b"ftyp", brand, bytes(4), b"mif1", b"heic")
    size = struct.pack(">II", width, height)
    properties = (box(b"hvcC", _CONFIGURATION), full_box(b"ispe", size), *transforms)
    uses = bytes((index + 1) | 0x80 for index in range(len(properties)))
    associations = struct.pack(">IHB", 1, 1, len(uses)) + uses

    def items(start: int) -> bytes:
        place = struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, start, len(coded))
        item = full_box(b"infe", struct.pack(">HH4sB", 1, 0, b"hvc1", 0), version=2)
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", struct.pack(">H", 1)),
            full_box(b"iloc", place),
            full_box(b"iinf", struct.pack(">H", 1), item),
            box(b"iprp", box(b"ipco", *properties), full_box(b"ipma", associations)),
            more,
        )

    return head + items(len(head) + len(items(0)) + 8) + box(b"mdat", coded)


@dataclass(frozen=True)
class Tile:
    """A coded square.

    Attributes
    ----------
    side : int
        In pixels.
    configuration, coded : bytes
        What the decoder gets.
    """

    side: int
    configuration: bytes
    coded: bytes


BLOCKS = Tile(SIDE, _CONFIGURATION, CODED)
# Flat gray, coded with x265 for Carlens.
LARGE = Tile(
    2000,
    base64.b85decode(
        b"0RwOV0058x00000mhb@l{rLC*01pFT0096PKmiN^|NjGU00093kN^M!00093mbwB!VE_RDEkXeS18@KU0|1Z!00RI3"
        b"0|1tw1L%MsMV9JGDXwk;8Vm>k00RKX000932tZ;00RRU?0l{*xVn6"
    ),
    zlib.decompress(
        base64.b85decode(
            b"c-muN;L_A!T+exs@#EE%e!W~G>gVTLmAt&X+z&|I+?;lHwpq^24T@3m>es&o)&EsG?Rds!@<M}09y=yGC@C;-IxvVV"
            b"VB}+9V5Sf;N-z3k#n{2XkkY{Lnt^)(<tBm<^QOrRj4=$n2dHBl1U+wPr>1cb@871jksK$eY$D@EDjO(qfyxH9G*CHG"
            b"vZ-qx(=)1?$2y0q#&N%(s&T>rR5gyuiNzp+s>az;*SILEmRAg!4pcR+hq~EpA$5(rK~>`zMX73<F;z|Tq^fB%scPDN"
            b"s+#tmnx-)sQPs36s+y)nRnzLIX_~MA05=#zUj"
        )
    ),
)


def grid(columns: int, rows: int, tile: Tile = BLOCKS) -> bytes:
    """Build a HEIC file whose image consists of equal tiles, as those of phones do."""
    width, height, count = tile.side * columns, tile.side * rows, columns * rows
    layout = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    sizes = [struct.pack(">II", *size) for size in ((tile.side, tile.side), (width, height))]
    properties = (box(b"hvcC", tile.configuration), *(full_box(b"ispe", each) for each in sizes))
    uses = [struct.pack(">HBBB", item, 2, 0x81, 2) for item in range(1, count + 1)]
    uses.append(struct.pack(">HBB", count + 1, 1, 3))
    kinds = [b"hvc1"] * count + [b"grid"]
    infos = [
        full_box(b"infe", struct.pack(">HH4sB", index + 1, 0, kind, 0), version=2)
        for index, kind in enumerate(kinds)
    ]
    references = struct.pack(f">HH{count}H", count + 1, count, *range(1, count + 1))
    head = box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic")

    def items(start: int) -> bytes:
        ends = [(start, len(tile.coded))] * count + [(start + len(tile.coded), len(layout))]
        places = [struct.pack(">HHHII", i + 1, 0, 1, *end) for i, end in enumerate(ends)]
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", struct.pack(">H", count + 1)),
            full_box(b"iloc", struct.pack(">BBH", 0x44, 0, count + 1), *places),
            full_box(b"iinf", struct.pack(">H", count + 1), *infos),
            full_box(b"iref", box(b"dimg", references)),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full_box(b"ipma", struct.pack(">I", count + 1), *uses),
            ),
        )

    return head + items(len(head) + len(items(0)) + 8) + box(b"mdat", tile.coded, layout)


def tiles(count: int) -> bytes:
    """Build the references of an image to its tiles, all the same."""
    return full_box(b"iref", box(b"dimg", struct.pack(">HH", 2, count), b"\0\1" * count))


def hevc_sps(width: int, height: int) -> bytes:
    """Build the parameters of a coded picture of another size, after their length."""
    bits = "0000" + "000" + "1" + "0" * 96 + "1"  # identifiers, profile and level
    bits += _exponential(1) + _exponential(width) + _exponential(height) + "0" * 64
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    unit = b"\x42\1" + payload.replace(b"\0\0", b"\0\0\3")
    return struct.pack(">I", len(unit)) + unit


def _exponential(value: int) -> str:
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits

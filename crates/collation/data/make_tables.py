#!/usr/bin/env python3
"""Makes the embedded weight tables from lists of TiDB's sort keys.

    make_tables.py FOLDER     # FOLDER holds <collation>.tsv.gz, output goes beside this script

A list has a line `CODEPOINT<TAB>KEY` or `FIRST-LAST<TAB>KEY` (all hex) for each code point, as TiDB's own collators give
the key of the one-character string. A table file is little-endian:

    u16 page count | u16 index entries | u16 pool entries | u16 zero
    index  u16 x entries       page number of each run of 64 code points
    pages  u16 x 64 x count    one entry a code point, see `src/weights.rs`
    pool   (u8 length, bytes) x pool entries
"""
import gzip, struct, sys, pathlib

PAGE = 64
HERE = pathlib.Path(__file__).parent


def read(path):
    keys = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip("\n"):
                continue
            span, _, key = line.rstrip("\n").partition("\t")
            first, _, last = span.partition("-")
            first, last = int(first, 16), int(last or first, 16)
            if key == "panic":
                continue
            key = bytes.fromhex(key)
            for code in range(first, last + 1):
                keys[code] = key
    return keys


def implicit(code, base):
    return struct.pack(">HH", base + (code >> 15), code & 0x7FFF | 0x8000)


def encode(name, keys, limit):
    pool, pool_index, entries = [], {}, []
    for code in range(limit):
        key = keys.get(code)
        if name == "utf8mb4_general_ci":
            # The difference to the code point, so that the many identity pages are one page.
            weight = struct.unpack(">H", key)[0] if key is not None else code
            entries.append((weight - code) & 0xFFFF)
        elif name.startswith("gbk"):
            entries.append(int.from_bytes(key, "big") if key is not None else 0x3F)
        else:
            if key is None:
                entries.append(0xFBC0)
            elif len(key) == 0:
                entries.append(0)
            elif len(key) == 2 and 0 < int.from_bytes(key, "big") < 0x8000:
                entries.append(int.from_bytes(key, "big"))
            else:
                for base in (0xFB40, 0xFB80, 0xFBC0):
                    if key == implicit(code, base):
                        entries.append(base)
                        break
                else:
                    if key not in pool_index:
                        pool_index[key] = len(pool)
                        pool.append(key)
                    assert len(pool) < 0x7000
                    entries.append(0x8000 + pool_index[key])
    pages, index, known = [], [], {}
    for start in range(0, limit, PAGE):
        page = tuple(entries[start:start + PAGE])
        if page not in known:
            known[page] = len(pages)
            pages.append(page)
        index.append(known[page])
    out = struct.pack("<HHHH", len(pages), len(index), len(pool), 0)
    out += struct.pack("<%dH" % len(index), *index)
    for page in pages:
        out += struct.pack("<%dH" % PAGE, *page)
    for key in pool:
        out += bytes([len(key)]) + key
    (HERE / (name + ".bin")).write_bytes(out)
    print(name, len(out), "bytes,", len(pages), "pages,", len(pool), "pool keys")


source = pathlib.Path(sys.argv[1])
for name, limit in [("gbk_bin", 0x10000), ("gbk_chinese_ci", 0x10000), ("utf8mb4_general_ci", 0x10000),
                    ("utf8mb4_unicode_ci", 0x10000), ("utf8mb4_0900_ai_ci", 0x2CEC0)]:
    keys = read(source / (name + ".tsv.gz"))
    beyond = {key for code, key in keys.items() if code >= limit}
    expected = {"gbk_bin": b"?", "gbk_chinese_ci": b"?"}.get(name, b"\xff\xfd")
    assert beyond <= {expected}, (name, len(beyond))
    encode(name, keys, limit)

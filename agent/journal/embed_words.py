#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns dictionaries of words/ into words.h and words.c.

usage: embed_words.py OUT_DIR FOLDER

Of each number N in FOLDER, N.head (hexadecimal; lines that begin with # are left out) and N.txt (its lines
one after another, without their ends) become the bytes tw_words_N[tw_words_N_len].
"""
import pathlib
import sys


def content(head):
    lines = [line for line in head.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    words = head.with_suffix(".txt").read_bytes().replace(b"\n", b"")
    return bytes.fromhex("".join(lines)) + words


def literal(data):
    rows = [data[at : at + 20] for at in range(0, len(data), 20)]
    return "".join("    " + "".join(f"{byte}," for byte in row) + "\n" for row in rows)


def main(out_dir, folder):
    heads = sorted(pathlib.Path(folder).glob("*.head"))
    out = pathlib.Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    declared, defined = "", ""
    for head in heads:
        name, data = f"tw_words_{head.stem}", content(head)
        declared += f"extern const unsigned char {name}[];\nextern const size_t {name}_len;\n"
        defined += f"const unsigned char {name}[] = {{\n{literal(data)}}};\nconst size_t {name}_len = {len(data)};\n"
    (out / "words.h").write_text(
        f"// Made by embed_words.py.\n#ifndef TW_WORDS_H\n#define TW_WORDS_H\n\n#include <stddef.h>\n\n{declared}\n#endif\n",
        encoding="utf-8",
    )
    (out / "words.c").write_text(f'// Made by embed_words.py.\n#include "words.h"\n\n{defined}', encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

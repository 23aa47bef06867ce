#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a folder of SQL files, one statement each, into NAME_sql.h and NAME_sql.c.

usage: embed_sql.py NAME OUT_DIR FILE...

make_*.sql make a new database and become the NULL-terminated list tw_NAME_make; every other file
FOO.sql becomes tw_NAME_sql[TW_NAME_SQL_FOO]. Comment lines (--) are left out.
"""
import pathlib
import re
import sys


def literal(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("--")]
    text = re.sub(r"\s+", " ", " ".join(lines)).strip()
    if not text or ";" in text:
        sys.exit(f"{path}: must hold exactly one statement, without a semicolon")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main(name, out_dir, *files):
    paths = sorted(pathlib.Path(file) for file in files)
    make = [path for path in paths if path.stem.startswith("make_")]
    rest = [path for path in paths if not path.stem.startswith("make_")]
    upper = name.upper()
    out = pathlib.Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    entries = "".join(f"    TW_{upper}_SQL_{path.stem.upper()},\n" for path in rest)
    (out / f"{name}_sql.h").write_text(
        f"// Made by embed_sql.py.\n#ifndef TW_{upper}_SQL_H\n#define TW_{upper}_SQL_H\n\n"
        f"enum tw_{name}_sql {{\n{entries}    TW_{upper}_SQL_COUNT\n}};\n\n"
        f"extern const char *const tw_{name}_sql[TW_{upper}_SQL_COUNT];\n"
        f"extern const char *const tw_{name}_make[];\n\n#endif\n",
        encoding="utf-8",
    )
    texts = "".join(f"    {literal(path)},\n" for path in rest)
    makes = "".join(f"    {literal(path)},\n" for path in make)
    (out / f"{name}_sql.c").write_text(
        f'// Made by embed_sql.py.\n#include "{name}_sql.h"\n\n#include <stddef.h>\n\n'
        f"const char *const tw_{name}_sql[TW_{upper}_SQL_COUNT] = {{\n{texts}}};\n\n"
        f"const char *const tw_{name}_make[] = {{\n{makes}    NULL,\n}};\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

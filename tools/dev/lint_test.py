#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds lint.py trees that break one rule each, and one that breaks none."""

import contextlib
import pathlib
import tempfile
import unittest

import lint

C = "// SPDX-License-Identifier: Apache-2.0\n"
GUARD = "#ifndef TW_A_H\n#define TW_A_H\n"


def function(lines):
    return "int f(void);\nint f(void)\n{\n" + "    (void)0;\n" * (lines - 1) + "    return 0;\n}\n"


def many_functions(lines):
    return C + "".join(function(lines) for _ in range(500 // (lines + 5)))


GOOD = {
    "README.md": "", "LICENSE": "", ".gitignore": "", "CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n",
    "agent/README.md": "", "agent/loop/README.md": "", "include/README.md": "", "include/tillwire/README.md": "",
    "agent/loop/loop.c": C + '#include <uv.h>\n#include <stdio.h>\n#include "tillwire/err.h"\n#include "agent/loop/a.h"\n',
    "agent/loop/a.h": C + GUARD + "int f(void);\n#endif\n",
    "include/tillwire/err.h": C + "#ifndef TW_ERR_H\n#define TW_ERR_H\n" + function(3) + "#endif\n",
    "tools/README.md": "", "tools/x/README.md": "", "tools/x/run.py": "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\n",
}

# What is wrong, and the files that make it so.
BAD = {
    "hal/ must not include": {"hal/README.md": "", "hal/io/README.md": "", "hal/io/a.c": C + '#include "agent/loop/a.h"\n'},
    "include/ must not include": {"include/tillwire/b.h": C + GUARD + '#include "agent/loop/a.h"\n#endif\n'},
    "a driver must not include": {"hal/README.md": "", "hal/drivers/README.md": "",
                                  "hal/drivers/tap/a.c": C + '#include "hal/drivers/scanner/b.h"\n'},
    "from the root": {"agent/loop/b.c": C + '#include "a.h"\n'},
    "lives in agent/loop/ only": {"agent/b.c": C + "#include <uv.h>\n"},
    "lives in agent/seal/ and firmware/port/arm/ only": {"agent/b.c": C + "#include <mbedtls/md.h>\n"},
    "has no home": {"agent/b.c": C + "#include <zlib.h>\n"},
    "f has 81 lines": {"agent/b.c": C + function(81)},
    "half of the functions": {"agent/b.c": many_functions(16)},
    "a tenth of the functions": {"agent/b.c": C + function(41) * 4 + function(1) * 20},
    "500 is the most": {"agent/b.c": C + "\n" * 500},
    "200 is the most": {"include/tillwire/b.h": C + GUARD + "\n" * 200 + "#endif\n"},
    "#if in": {"agent/b.c": C + "#ifdef X\n#endif\n" * 3},
    "first line must be": {"agent/b.c": "// no licence\n"},
    "include guard": {"agent/b.h": C + "#pragma once\n"},
    "top level": {"notes.md": ""},
    "README.md missing": {"agent/desk/a.c": C},
    "unfinished work": {"agent/b.c": C + "// TO" + "DO: later\n"},
    "a path of one machine": {"agent/b.c": C + 'char *p = "/ho' + 'me/me/x";\n'},
    "a package registry's address": {"tools/x/package-lock.json": '{"resolv' + 'ed": "x"}'},
    "does not compile alone": {"agent/b.h": C + "#ifndef TW_B_H\n#define TW_B_H\nsize_t f(void);\n#endif\n"},
}


@contextlib.contextmanager
def tree_of(files):
    """A folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        yield folder


def faults_of(files):
    """The texts of the faults of a tree made of these files."""
    with tree_of(files) as folder:
        return [fault.text for fault in lint.lint(folder)]


class LintTest(unittest.TestCase):
    def test_good_tree_has_no_faults(self):
        self.assertEqual(faults_of(GOOD), [])

    def test_each_bad_tree_has_its_fault_and_no_other(self):
        for wanted, files in BAD.items():
            with self.subTest(wanted):
                found = faults_of({**GOOD, **files})
                self.assertTrue(found, "not seen")
                self.assertEqual([text for text in found if wanted not in text], [])

    def test_every_rule_has_a_bad_tree(self):
        for check in lint.RULES:
            with self.subTest(check.__name__):
                self.assertTrue(any(self.catches(check, files) for files in BAD.values()))

    @staticmethod
    def catches(check, files):
        with tree_of({**GOOD, **files}) as folder:
            return bool(list(check(lint.Tree(folder))))


if __name__ == "__main__":
    unittest.main()

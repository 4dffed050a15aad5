"""tools/check_source.py finds what it says it finds: each case is a small tree with one violation."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import check_source


class CheckSource(unittest.TestCase):
    def violations(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {"LICENSE": "MIT\n", **files}.items():
                if text is None:
                    continue
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_source.check_tree(root)

    def assert_one(self, files, name, words):
        found = self.violations(files)
        self.assertEqual(len(found), 1, found)
        self.assertEqual(found[0][0], name)
        self.assertIn(words, found[0][2])

    def test_clean_tree_has_none(self):
        self.assertEqual(self.violations({
            "src/base/a.h": "#pragma once\n",
            "src/base/a.cpp": '#include "base/a.h"\n\n#include <vector>\n',
            "src/format/b.cpp": '#include "base/a.h"\n',
            "scripts/x": 'mktemp -d "/tmp/quandex.XXXXXX"\n',
        }), [])

    def test_missing_license_is_found(self):
        self.assert_one({"LICENSE": None}, "LICENSE", "missing")

    def test_lower_folder_including_higher_is_found(self):
        self.assert_one({"src/model/a.h": "#pragma once\n", "src/format/b.cpp": '#include "model/a.h"\n'},
                        "src/format/b.cpp", "format/ must not include model/")

    def test_nobody_includes_cpu(self):
        self.assert_one({"src/cpu/a.h": "#pragma once\n", "src/cli/b.cpp": '#include "cpu/a.h"\n'},
                        "src/cli/b.cpp", "cli/ must not include cpu/")

    def test_unknown_folder_is_found(self):
        self.assert_one({"src/extra/a.cpp": "int a;\n"}, "src/extra/a.cpp", "not in the include order")

    def test_include_without_folder_is_found(self):
        self.assert_one({"src/base/a.h": "#pragma once\n", "src/base/b.cpp": '#include "a.h"\n'},
                        "src/base/b.cpp", "not a path from src/")

    def test_own_header_comes_first(self):
        self.assert_one({"src/base/a.h": "#pragma once\n", "src/base/b.h": "#pragma once\n",
                         "src/base/b.cpp": '#include "base/a.h"\n#include "base/b.h"\n'},
                        "src/base/b.cpp", "own header")

    def test_long_file_is_found(self):
        self.assertEqual(self.violations({"src/base/a.cpp": "int a();\n" * 800}), [])
        self.assert_one({"src/base/a.cpp": "int a();\n" * 801}, "src/base/a.cpp", "801 lines")

    def test_header_without_pragma_once_is_found(self):
        self.assert_one({"src/base/a.h": "int a();\n"}, "src/base/a.h", "#pragma once")

    def test_condition_outside_base_is_found(self):
        self.assertEqual(self.violations({"src/base/a.cpp": "#ifdef X\n#endif\n"}), [])
        self.assert_one({"src/model/a.cpp": "#ifdef X\n#endif\n"}, "src/model/a.cpp", "preprocessor condition")

    def test_macro_is_found(self):
        self.assert_one({"src/model/a.cpp": "#define N 1\n"}, "src/model/a.cpp", "macro")

    def test_machine_path_is_found(self):
        self.assert_one({"docs/a.md": "see /" + "home/me/x\n"}, "docs/a.md", "one machine")

    def test_fixed_temporary_path_is_found(self):
        self.assert_one({"scripts/x": "cp a /" + "tmp/a\n"}, "scripts/x", "temporary path")

    def test_unfinished_work_needs_an_issue(self):
        self.assertEqual(self.violations({"src/base/a.cpp": "// TO" + "DO(#7): later\n"}), [])
        self.assert_one({"src/base/a.cpp": "// TO" + "DO: later\n"}, "src/base/a.cpp", "issue")

    def test_regex_header_is_found(self):
        self.assert_one({"src/base/a.cpp": "#include <regex>\n"}, "src/base/a.cpp", "std::regex")

    def test_trailing_space_is_found(self):
        self.assert_one({"src/base/a.cpp": "int a; \n"}, "src/base/a.cpp", "space at the end")


if __name__ == "__main__":
    unittest.main()

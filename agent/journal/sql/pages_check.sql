-- https://sqlite.org/pragma.html#pragma_quick_check; the first problem is enough.
SELECT quick_check FROM pragma_quick_check(1)

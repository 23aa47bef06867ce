-- Pages of the file that hold something, those that hold nothing, and their size:
-- https://sqlite.org/pragma.html#pragma_page_count, freelist_count.
SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count),
       (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_size FROM pragma_page_size)

DELETE FROM staged_page

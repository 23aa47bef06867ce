SELECT count(*) FROM staged_page

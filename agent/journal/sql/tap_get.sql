SELECT boot, position, state FROM tap WHERE device = ?1

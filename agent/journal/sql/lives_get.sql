SELECT epoch, base FROM lives WHERE life = ?1

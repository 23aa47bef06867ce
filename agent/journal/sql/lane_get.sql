SELECT state FROM lane WHERE workstation = ?1

SELECT epoch.id, terminal.id, terminal.source, epoch.epoch, through, seen, head, duplicates, ahead, broken
FROM epoch JOIN terminal ON terminal.id = epoch.terminal

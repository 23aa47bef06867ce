CREATE VIEW event AS
SELECT terminal.source, epoch.epoch, message.sequence, message.id, message.type, message.time, message.payload
FROM message
JOIN epoch ON epoch.id = message.epoch
JOIN terminal ON terminal.id = message.terminal
WHERE message.status = 0

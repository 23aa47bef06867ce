-- What may be given up for room, in this order: drift, device, offer events (numbers of tillwire/event.h).
CREATE INDEX events_droppable ON events (type) WHERE (type = 32 OR type BETWEEN 50 AND 69)

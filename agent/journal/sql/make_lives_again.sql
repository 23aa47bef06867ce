-- A second copy of what is in `lives`, on another page: without it rows of an older epoch do not open.
CREATE UNIQUE INDEX lives_again ON lives (epoch, base)

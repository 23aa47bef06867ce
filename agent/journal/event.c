// SPDX-License-Identifier: Apache-2.0
#include "tillwire/event.h"

#include <time.h>

#include "tillwire/json.h"

const char *tw_event_type_name(enum tw_event_type type)
{
    switch (type) {
#define X(symbol, number, name, schema, family)                                                              \
    case TW_EVENT_##symbol:                                                                                  \
        return TW_EVENT_PREFIX name;
        TW_EVENT_TYPES(X)
#undef X
    }
    return NULL;
}

const char *tw_event_type_schema(enum tw_event_type type)
{
    switch (type) {
#define X(symbol, number, name, schema, family)                                                              \
    case TW_EVENT_##symbol:                                                                                  \
        return schema;
        TW_EVENT_TYPES(X)
#undef X
    }
    return NULL;
}

const char *tw_event_type_family(enum tw_event_type type)
{
    switch (type) {
#define X(symbol, number, name, schema, family)                                                              \
    case TW_EVENT_##symbol:                                                                                  \
        return family;
        TW_EVENT_TYPES(X)
#undef X
    }
    return NULL;
}

// The last `count` digits.
static void put_digits(char *out, int count, uint64_t number)
{
    for (; count > 0; count--, number /= 10) {
        out[count - 1] = (char)('0' + number % 10);
    }
}

// RFC 3339 has four digits for the year; what lies outside is held at the edge.
void tw_event_time(int64_t wall_ms, char out[25])
{
    const int64_t first_ms = INT64_C(-62167219200000); // 0000-01-01
    const int64_t last_ms = INT64_C(253402300799999);  // 9999-12-31
    wall_ms = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t since_ms = wall_ms - first_ms;
    time_t when = (time_t)(since_ms / 1000 + first_ms / 1000);
    struct tm tm;
    (void)gmtime_r(&when, &tm);
    (void)strcpy(out, "0000-00-00T00:00:00.000Z");
    put_digits(out, 4, 1900U + (unsigned)tm.tm_year);
    put_digits(out + 5, 2, 1U + (unsigned)tm.tm_mon);
    put_digits(out + 8, 2, (unsigned)tm.tm_mday);
    put_digits(out + 11, 2, (unsigned)tm.tm_hour);
    put_digits(out + 14, 2, (unsigned)tm.tm_min);
    put_digits(out + 17, 2, (unsigned)tm.tm_sec);
    put_digits(out + 20, 3, (uint64_t)(since_ms % 1000));
}

static const char *clock_name(enum tw_clock_trust clock)
{
    switch (clock) {
    case TW_CLOCK_OK:
        return "ok";
    case TW_CLOCK_UNSYNCHRONISED:
        return "unsynchronised";
    case TW_CLOCK_SUSPECT:
        break;
    }
    return "suspect";
}

// ---- the published form ----

#define LITERAL(text) tw_slice_make(text, sizeof(text) - 1)

// All of them, one after another. Many events are written, of many pieces: room is made for all at once.
static void add_all(struct tw_buf *out, const struct tw_slice *pieces, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += pieces[i].len;
    }
    if (!tw_buf_reserve(out, bytes)) {
        return;
    }
    uint8_t *at = out->ptr + out->len;
    for (size_t i = 0; i < count; i++) {
        at = mempcpy(at, pieces[i].ptr, pieces[i].len);
    }
    *at = 0;
    out->len += bytes;
}

// Decimal digits; what is written ends at the end of `out`.
static struct tw_slice put_number(int64_t number, char out[20])
{
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t at = 20;
    do {
        out[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0) {
        out[--at] = '-';
    }
    return tw_slice_make(out + at, 20 - at);
}

void tw_event_write(const struct tw_event_row *row, const char *source, const char *epoch,
                    const char *prevhash, struct tw_buf *out)
{
    char id[37], captured[25], recorded[25], sequence[20], monotonic[20];
    tw_uuid_text(row->id, id);
    tw_event_time(row->time_ms, captured);
    tw_event_time(row->recorded_ms, recorded);
    put_digits(sequence, sizeof sequence, row->sequence);
    const struct tw_slice before[] = {
        LITERAL("{\"specversion\":\"1.0\",\"id\":\""),
        tw_slice_of(id),
        LITERAL("\",\"source\":\""),
        tw_slice_of(source),
        LITERAL("\",\"type\":\""),
        tw_slice_of(tw_event_type_name(row->type)),
        LITERAL("\",\"subject\":"),
    };
    const struct tw_slice behind[] = {
        LITERAL(",\"time\":\""),
        tw_slice_of(captured),
        LITERAL("\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:tillwire:schema:"),
        tw_slice_of(tw_event_type_schema(row->type)),
        LITERAL(":1\",\"sequence\":\""),
        tw_slice_make(sequence, sizeof sequence),
        LITERAL("\",\"epoch\":\""),
        tw_slice_of(epoch),
        LITERAL("\",\"recordedtime\":\""),
        tw_slice_of(recorded),
        LITERAL("\",\"bootid\":\""),
        tw_slice_of(row->boot),
        LITERAL("\",\"monotonicms\":\""),
        put_number(row->monotonic_ms, monotonic),
        LITERAL("\",\"clock\":\""),
        tw_slice_of(clock_name(row->clock)),
        LITERAL("\",\"prevhash\":\""),
        tw_slice_of(prevhash),
        LITERAL("\",\"data\":"),
        row->data,
        LITERAL("}"),
    };
    add_all(out, before, sizeof before / sizeof *before);
    tw_json_dump_text(row->subject, out);
    add_all(out, behind, sizeof behind / sizeof *behind);
}

// SPDX-License-Identifier: Apache-2.0
#include "tillwire/event.h"

#include <inttypes.h>
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
static void put_digits(char *out, int count, int number)
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
    put_digits(out, 4, tm.tm_year + 1900);
    put_digits(out + 5, 2, tm.tm_mon + 1);
    put_digits(out + 8, 2, tm.tm_mday);
    put_digits(out + 11, 2, tm.tm_hour);
    put_digits(out + 14, 2, tm.tm_min);
    put_digits(out + 17, 2, tm.tm_sec);
    put_digits(out + 20, 3, (int)(since_ms % 1000));
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

static void add_time(struct tw_buf *out, const char *name, int64_t wall_ms)
{
    char text[25];
    tw_event_time(wall_ms, text);
    tw_buf_add_text(out, name);
    tw_buf_add(out, text, 24);
}

void tw_event_write(const struct tw_event_row *row, const char *source, const char *epoch,
                    const char *prevhash, struct tw_buf *out)
{
    char id[37];
    tw_uuid_text(row->id, id);
    tw_buf_add_text(out, "{\"specversion\":\"1.0\",\"id\":\"");
    tw_buf_add_text(out, id);
    tw_buf_add_text(out, "\",\"source\":\"");
    tw_buf_add_text(out, source);
    tw_buf_add_text(out, "\",\"type\":\"");
    tw_buf_add_text(out, tw_event_type_name(row->type));
    tw_buf_add_text(out, "\",\"subject\":");
    tw_json_dump_text(row->subject, out);
    add_time(out, ",\"time\":\"", row->time_ms);
    tw_buf_add_text(out, "\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:tillwire:schema:");
    tw_buf_add_text(out, tw_event_type_schema(row->type));
    tw_buf_add_text(out, ":1\",\"sequence\":\"");
    tw_buf_printf(out, "%020" PRIu64, row->sequence);
    tw_buf_add_text(out, "\",\"epoch\":\"");
    tw_buf_add_text(out, epoch);
    add_time(out, "\",\"recordedtime\":\"", row->recorded_ms);
    tw_buf_add_text(out, "\",\"bootid\":\"");
    tw_buf_add_text(out, row->boot);
    tw_buf_printf(out, "\",\"monotonicms\":\"%" PRId64, row->monotonic_ms);
    tw_buf_add_text(out, "\",\"clock\":\"");
    tw_buf_add_text(out, clock_name(row->clock));
    tw_buf_add_text(out, "\",\"prevhash\":\"");
    tw_buf_add_text(out, prevhash);
    tw_buf_add_text(out, "\",\"data\":");
    tw_buf_add(out, row->data.ptr, row->data.len);
    tw_buf_add_text(out, "}");
}

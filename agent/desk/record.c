// SPDX-License-Identifier: Apache-2.0
//
// GET /v1/devices/record?device=NAME: what a scanner sends, as the text of a recording, until the client
// hangs up. On the control socket only. The last line of one that the agent ends says why ("# ended: ").
#include "agent/desk/record.h"

#include <poll.h>

#include "agent/desk/routes.h"
#include "agent/desk/server.h"

#define BLOCK_BYTES 4096

struct tw_record {
    struct tw_desk *desk;
    struct tw_server *server;
    struct MHD_Connection *connection;
    struct tw_lane_recording *recording; // NULL once it has ended
    struct tw_timer *beat;
    bool suspended, beats, too_slow;
    struct tw_buf out;
    size_t sent; // of `out`
    struct tw_record *prev, *next;
};

static void resume(struct tw_record *record)
{
    if (record->suspended) {
        record->suspended = false;
        tw_server_resume(record->server, record->connection);
    }
}

// ---- what comes from the lane ----

// Room is made of what was sent. A recording must not be ended from within its own call: the beat does it.
static void add_lines(struct tw_record *record, struct tw_slice lines)
{
    if (record->sent > 0) {
        memmove(record->out.ptr, record->out.ptr + record->sent, record->out.len - record->sent);
        record->out.len -= record->sent;
        record->sent = 0;
    }
    tw_buf_add(&record->out, lines.ptr, lines.len);
    if (record->out.len > TW_RECORD_MAX_BYTES && record->beat != NULL) {
        record->too_slow = true;
        tw_timer_start(record->beat, 0);
    }
}

static void on_lines(void *ctx, struct tw_slice lines)
{
    struct tw_record *record = ctx;
    if (lines.len == 0) {
        record->recording = NULL;
        tw_buf_add_text(&record->out, "# ended: the agent stops\n");
    } else if (!record->too_slow) {
        add_lines(record, lines);
    }
    resume(record);
}

static void end(struct tw_record *record, const char *why)
{
    if (record->recording != NULL) {
        tw_lane_record_end(record->recording);
        record->recording = NULL;
        tw_buf_printf(&record->out, "# ended: %s\n", why);
    }
    resume(record);
}

static void on_beat(void *ctx)
{
    struct tw_record *record = ctx;
    if (record->too_slow) {
        end(record, "its reader was too slow, and no device waits");
        return;
    }
    record->beats = true;
    tw_timer_start(record->beat, TW_RECORD_BEAT_MS);
    resume(record);
}

// ---- what goes to the client ----

static void next_block(struct tw_record *record)
{
    tw_buf_clear(&record->out);
    record->sent = 0;
    if (record->beats) {
        tw_buf_add_text(&record->out, "#\n");
        record->beats = false;
    }
}

// MHD wants more of the stream. 0 with the connection suspended: later.
static ssize_t read_stream(void *ctx, uint64_t at, char *to, size_t room)
{
    (void)at;
    struct tw_record *record = ctx;
    if (tw_buf_status(&record->out) != TW_OK) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (record->sent == record->out.len) {
        if (record->recording == NULL) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        next_block(record);
    }
    size_t len = record->out.len - record->sent;
    if (len == 0) {
        record->suspended = true;
        MHD_suspend_connection(record->connection);
        return 0;
    }
    len = len < room ? len : room;
    memcpy(to, record->out.ptr + record->sent, len);
    record->sent += len;
    return (ssize_t)len;
}

static void free_record(void *ctx)
{
    struct tw_record *record = ctx;
    if (record->prev != NULL) {
        record->prev->next = record->next;
    } else {
        record->desk->records = record->next;
    }
    if (record->next != NULL) {
        record->next->prev = record->prev;
    }
    tw_lane_record_end(record->recording);
    tw_timer_close(record->beat);
    tw_buf_free(&record->out);
    free(record);
}

void tw_record_close_all(struct tw_desk *desk)
{
    for (struct tw_record *record = desk->records; record != NULL; record = record->next) {
        end(record, "the agent stops");
    }
}

// A connection that waits for lines does not notice by itself.
static void end_abandoned(const struct tw_desk *desk)
{
    for (struct tw_record *record = desk->records; record != NULL; record = record->next) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(record->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd line = {.fd = info != NULL ? info->connect_fd : -1};
        if (poll(&line, 1, 0) > 0 && (line.revents & (POLLHUP | POLLERR)) != 0) {
            end(record, "its reader has gone");
        }
    }
}

// ---- the request ----

static void refuse(struct tw_request *request, int rc, const struct tw_error_text *why)
{
    if (rc == TW_ERR_NOT_FOUND) {
        tw_request_problem(request, TW_PROBLEM_NOT_FOUND, why->text, NULL);
    } else if (rc == TW_ERR_REFUSED || rc == TW_ERR_EXISTS) {
        tw_request_problem(request, TW_PROBLEM_NOT_RECORDED, why->text, NULL);
    } else {
        tw_request_failed(request, rc);
    }
}

// Owned by the response, which frees it when the client has gone.
static int begin(struct tw_request *request, struct tw_record *record)
{
    record->beat = tw_timer_new(request->desk->with.loop, on_beat, record);
    record->desk = request->desk;
    record->server = request->server;
    record->connection = request->connection;
    request->stream = record->beat == NULL
                          ? NULL
                          : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream,
                                                              record, free_record);
    if (request->stream == NULL) {
        return TW_ERR_NOMEM;
    }
    record->next = request->desk->records;
    if (record->next != NULL) {
        record->next->prev = record;
    }
    request->desk->records = record;
    tw_timer_start(record->beat, TW_RECORD_BEAT_MS);
    return TW_OK;
}

void tw_desk_record(struct tw_request *request)
{
    struct tw_error_text why = {0};
    const char *name = tw_request_query(request, "device");
    struct tw_record *record = calloc(1, sizeof *record);
    if (record == NULL) {
        tw_request_failed(request, TW_ERR_NOMEM);
        return;
    }
    tw_buf_add_text(&record->out, "# Recorded by tillwire " TW_VERSION
                                  ": of a code its length is left, and how it is framed.\n");
    end_abandoned(request->desk);
    int rc = tw_lane_record(request->desk->with.lane, name != NULL ? name : "", on_lines, record,
                            &record->recording, &why);
    rc = rc != TW_OK ? rc : begin(request, record);
    if (rc != TW_OK) {
        refuse(request, rc, &why);
        tw_lane_record_end(record->recording);
        tw_timer_close(record->beat);
        tw_buf_free(&record->out);
        free(record);
        return;
    }
    request->status = MHD_HTTP_OK;
    request->type = "text/plain; charset=utf-8";
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/feed.h"

#include <inttypes.h>
#include <pthread.h>

#include "agent/desk/server.h"
#include "tillwire/json.h"

#define BLOCK_BYTES 4096
#define FRAME_BYTES 160 // of an item, beside data and subject

struct item {
    char *text; // one JSON object
    size_t len;
};

struct tw_feed {
    pthread_mutex_t lock;
    struct item ring[TW_DESK_RECENT_EVENTS]; // event n is at n % TW_DESK_RECENT_EVENTS
    uint64_t first, next;                    // events [first, next) are held
    size_t bytes;
    unsigned refs; // the desk, every follower, a posted wake
    unsigned follower_count;
    bool posted;
    struct tw_loop *loop; // NULL once closed
    // The loop thread's:
    struct tw_follower *followers;
    struct tw_timer *beat;
};

struct tw_follower {
    struct tw_feed *feed;
    struct tw_server *server;
    struct MHD_Connection *connection;
    uint64_t next; // the event it waits for
    bool follow, suspended, beat;
    struct tw_buf out;
    size_t sent; // of `out`
    struct tw_follower *prev, *after;
};

// ---- the ring ----

static void drop_oldest(struct tw_feed *feed)
{
    struct item *item = &feed->ring[feed->first++ % TW_DESK_RECENT_EVENTS];
    feed->bytes -= item->len;
    free(item->text);
    *item = (struct item){0};
}

static void release(struct tw_feed *feed)
{
    (void)pthread_mutex_lock(&feed->lock);
    bool last = --feed->refs == 0;
    (void)pthread_mutex_unlock(&feed->lock);
    if (!last) {
        return;
    }
    while (feed->first < feed->next) {
        drop_oldest(feed);
    }
    (void)pthread_mutex_destroy(&feed->lock);
    free(feed);
}

static void resume_all(struct tw_feed *feed, bool beat)
{
    for (struct tw_follower *follower = feed->followers; follower != NULL; follower = follower->after) {
        follower->beat = follower->beat || beat;
        if (follower->suspended) {
            follower->suspended = false;
            tw_server_resume(follower->server, follower->connection);
        }
    }
}

static void wake(void *ctx)
{
    struct tw_feed *feed = ctx;
    (void)pthread_mutex_lock(&feed->lock);
    feed->posted = false;
    (void)pthread_mutex_unlock(&feed->lock);
    resume_all(feed, false);
    release(feed);
}

static void on_beat(void *ctx)
{
    struct tw_feed *feed = ctx;
    resume_all(feed, true);
    if (feed->followers != NULL) {
        tw_timer_start(feed->beat, TW_FEED_BEAT_MS);
    }
}

static void write_row(const struct tw_event_row *row, struct tw_buf *out)
{
    char id[37], time[25];
    const char *type = tw_event_type_name(row->type);
    tw_uuid_text(row->id, id);
    tw_event_time(row->time_ms, time);
    (void)tw_buf_reserve(out,
                         row->data.len + row->subject.len + FRAME_BYTES); // it is kept: no more than needed
    tw_buf_printf(out, "{\"sequence\":%" PRIu64 ",\"id\":\"%s\",\"type\":\"%s\",\"subject\":", row->sequence,
                  id, type != NULL ? type : "unknown");
    tw_json_dump_text(row->subject, out);
    tw_buf_printf(out, ",\"time\":\"%s\",\"data\":", time);
    tw_buf_add(out, row->data.ptr, row->data.len);
    tw_buf_add_text(out, "}");
}

void tw_feed_push(struct tw_feed *feed, const struct tw_event_row *row)
{
    struct tw_buf text = {0};
    write_row(row, &text);
    if (tw_buf_status(&text) != TW_OK) {
        tw_buf_free(&text);
        return;
    }
    (void)pthread_mutex_lock(&feed->lock);
    while (feed->first < feed->next && (feed->next - feed->first >= TW_DESK_RECENT_EVENTS ||
                                        feed->bytes + text.len > TW_FEED_MAX_BYTES)) {
        drop_oldest(feed);
    }
    feed->ring[feed->next++ % TW_DESK_RECENT_EVENTS] = (struct item){(char *)text.ptr, text.len};
    feed->bytes += text.len;
    // One wake at a time is under way, however many events it finds when it runs; none where nobody waits.
    if (feed->follower_count > 0 && !feed->posted && feed->loop != NULL &&
        tw_loop_post(feed->loop, wake, feed) == TW_OK) {
        feed->posted = true;
        feed->refs++;
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

int tw_feed_new(struct tw_loop *loop, struct tw_feed **out)
{
    struct tw_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        return TW_ERR_NOMEM;
    }
    feed->beat = tw_timer_new(loop, on_beat, feed);
    if (feed->beat == NULL) {
        free(feed);
        return TW_ERR_NOMEM;
    }
    (void)pthread_mutex_init(&feed->lock, NULL);
    feed->loop = loop;
    feed->refs = 1;
    *out = feed;
    return TW_OK;
}

void tw_feed_close(struct tw_feed *feed)
{
    if (feed == NULL) {
        return;
    }
    tw_timer_close(feed->beat);
    (void)pthread_mutex_lock(&feed->lock);
    feed->loop = NULL;
    (void)pthread_mutex_unlock(&feed->lock);
    resume_all(feed, false);
    release(feed);
}

// ---- followers ----

static void write_next(struct tw_follower *follower)
{
    struct tw_feed *feed = follower->feed;
    (void)pthread_mutex_lock(&feed->lock);
    if (follower->next < feed->first) {
        tw_buf_printf(&follower->out, ": %" PRIu64 " events were dropped, this follower is too slow\n\n",
                      feed->first - follower->next);
        follower->next = feed->first;
    }
    if (follower->next < feed->next) {
        const struct item *item = &feed->ring[follower->next++ % TW_DESK_RECENT_EVENTS];
        tw_buf_add_text(&follower->out, "data: ");
        tw_buf_add(&follower->out, item->text, item->len);
        tw_buf_add_text(&follower->out, "\n\n");
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

// MHD wants more of the stream. 0 with the connection suspended: later.
static ssize_t read_stream(void *ctx, uint64_t at, char *to, size_t room)
{
    (void)at;
    struct tw_follower *follower = ctx;
    if (follower->sent == follower->out.len) {
        tw_buf_clear(&follower->out);
        follower->sent = 0;
        write_next(follower);
        if (follower->out.len == 0 && follower->beat) {
            tw_buf_add_text(&follower->out, ":\n\n");
        }
        follower->beat = false;
    }
    size_t len = follower->out.len - follower->sent;
    if (tw_buf_status(&follower->out) != TW_OK) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (len == 0) {
        if (!follower->follow || follower->feed->loop == NULL) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        follower->suspended = true;
        MHD_suspend_connection(follower->connection);
        return 0;
    }
    len = len < room ? len : room;
    memcpy(to, follower->out.ptr + follower->sent, len);
    follower->sent += len;
    return (ssize_t)len;
}

static void free_follower(void *ctx)
{
    struct tw_follower *follower = ctx;
    struct tw_feed *feed = follower->feed;
    if (follower->prev != NULL) {
        follower->prev->after = follower->after;
    } else {
        feed->followers = follower->after;
    }
    if (follower->after != NULL) {
        follower->after->prev = follower->prev;
    }
    (void)pthread_mutex_lock(&feed->lock);
    feed->follower_count--;
    (void)pthread_mutex_unlock(&feed->lock);
    tw_buf_free(&follower->out);
    free(follower);
    release(feed);
}

static void link_follower(struct tw_feed *feed, struct tw_follower *follower, uint64_t recent)
{
    follower->after = feed->followers;
    if (feed->followers != NULL) {
        feed->followers->prev = follower;
    } else {
        tw_timer_start(feed->beat, TW_FEED_BEAT_MS);
    }
    feed->followers = follower;
    (void)pthread_mutex_lock(&feed->lock);
    feed->follower_count++;
    feed->refs++;
    uint64_t held = feed->next - feed->first;
    follower->next = feed->next - (recent < held ? recent : held);
    (void)pthread_mutex_unlock(&feed->lock);
}

int tw_feed_follow(struct tw_feed *feed, const struct tw_request *request, uint64_t recent, bool follow,
                   struct MHD_Response **out)
{
    if (feed->follower_count >= TW_FEED_MAX_FOLLOWERS) {
        return TW_ERR_FULL;
    }
    struct tw_follower *follower = calloc(1, sizeof *follower);
    if (follower == NULL) {
        return TW_ERR_NOMEM;
    }
    *follower = (struct tw_follower){
        .feed = feed, .server = request->server, .connection = request->connection, .follow = follow};
    // How soon an EventSource comes back (HTML, "Server-sent events"); also makes the headers leave at once.
    tw_buf_add_text(&follower->out, "retry: 2000\n\n");
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                                      read_stream, follower, free_follower);
    if (response == NULL) {
        tw_buf_free(&follower->out);
        free(follower);
        return TW_ERR_NOMEM;
    }
    link_follower(feed, follower, recent);
    *out = response;
    return TW_OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "tillwire/uplink.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/uplink/inbox.h"
#include "agent/uplink/link.h"
#include "agent/uplink/mqtt.h"

#define LEAVE_MS 500  // for the farewell to the broker
#define STOP_MS  1000 // tw_uplink_stop takes no longer

struct tw_uplink {
    struct tw_link *link;
    struct tw_inbox *inbox;
    struct tw_journal *journal;
    pthread_t thread;
    pthread_mutex_t lock; // of the two below
    bool ended;           // the thread is done
    bool abandoned;       // nobody waits for the thread: what is left is its to free
};

static void uplink_free(struct tw_uplink *uplink)
{
    tw_link_free(uplink->link);
    tw_inbox_free(uplink->inbox);
    (void)pthread_mutex_destroy(&uplink->lock);
    free(uplink);
    tw_mqtt_library_end();
}

// ---- the thread ----

static void *run(void *arg)
{
    struct tw_uplink *uplink = arg;
    while (!tw_inbox_stopped(uplink->inbox)) {
        struct pollfd fds[3] = {{.fd = -1},
                                {.fd = tw_inbox_fd(uplink->inbox), .events = POLLIN},
                                {.fd = tw_inbox_stop_fd(uplink->inbox), .events = POLLIN}};
        int wait_ms = tw_link_wait(uplink->link, &fds[0]);
        (void)poll(fds, 3, wait_ms);
        if (fds[2].revents == 0) {
            tw_link_turn(uplink->link, fds[0].revents);
        }
    }
    tw_link_leave(uplink->link, LEAVE_MS);
    (void)pthread_mutex_lock(&uplink->lock);
    uplink->ended = true;
    bool abandoned = uplink->abandoned;
    (void)pthread_mutex_unlock(&uplink->lock);
    if (abandoned) {
        uplink_free(uplink);
    }
    return NULL;
}

// The thread takes no signals: they are the loop's; and a broken TLS connection must not end the
// process by SIGPIPE.
static int begin_thread(struct tw_uplink *uplink)
{
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&uplink->thread, NULL, run, uplink);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0) {
        (void)pthread_setname_np(uplink->thread, "uplink");
    }
    return rc == 0 ? TW_OK : TW_ERR_NOMEM;
}

// ---- start and stop ----

static int check_id(const char *what, const char *text, struct tw_error_text *err)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return len >= 1 && len <= 32 && text[len] == '\0'
               ? TW_OK
               : tw_fail(err, TW_ERR_INVALID,
                         "cannot use the %s \"%s\" in MQTT topics: it must be 1 to 32 letters, digits or _",
                         what, text);
}

static int check_alpn(const char *alpn, struct tw_error_text *err)
{
    return alpn == NULL || strlen(alpn) <= 255
               ? TW_OK
               : tw_fail(err, TW_ERR_INVALID, "cannot use uplink.alpn: it is longer than 255 characters");
}

// `proxy` is left alone where none is configured.
static int check(const struct tw_uplink_options *options, struct tw_address *address, struct tw_proxy *proxy,
                 struct tw_error_text *err)
{
    int rc = tw_address_parse(options->url, address, err);
    rc = rc != TW_OK || options->proxy == NULL ? rc : tw_proxy_parse(options->proxy, proxy, err);
    rc = rc != TW_OK ? rc : check_alpn(options->alpn, err);
    rc = rc != TW_OK ? rc : check_id("tenant", options->tenant, err);
    rc = rc != TW_OK ? rc : check_id("store", options->store, err);
    rc = rc != TW_OK ? rc : check_id("terminal", options->terminal, err);
    rc = rc != TW_OK ? rc : tw_pem_check("uplink.ca", options->ca, err);
    rc = rc != TW_OK ? rc : tw_pem_check("uplink.cert", options->cert, err);
    return rc != TW_OK ? rc : tw_pem_check("uplink.key", options->key, err);
}

int tw_uplink_check(const struct tw_uplink_options *options, struct tw_error_text *err)
{
    struct tw_address address;
    struct tw_proxy proxy = {.user = ""};
    int rc = check(options, &address, &proxy, err);
    explicit_bzero(&proxy, sizeof proxy);
    return rc;
}

static int begin(const struct tw_uplink_options *options, const struct tw_address *address,
                 const struct tw_proxy *proxy, struct tw_uplink **out, struct tw_error_text *err)
{
    int rc = tw_mqtt_library_begin(err);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_uplink *uplink = calloc(1, sizeof *uplink);
    if (uplink == NULL) {
        tw_mqtt_library_end();
        return tw_fail(err, TW_ERR_NOMEM, "cannot start the uplink: out of memory");
    }
    uplink->journal = options->journal;
    (void)pthread_mutex_init(&uplink->lock, NULL);
    rc = tw_inbox_new(&uplink->inbox);
    if (rc != TW_OK) {
        (void)tw_fail(err, rc, "cannot start the uplink: %s", tw_err_name(rc));
    } else {
        rc = tw_link_new(options, address, proxy, uplink->inbox, &uplink->link, err);
    }
    rc = rc != TW_OK ? rc : begin_thread(uplink);
    if (rc != TW_OK) {
        uplink_free(uplink);
        return rc;
    }
    *out = uplink;
    return TW_OK;
}

int tw_uplink_start(const struct tw_uplink_options *options, struct tw_uplink **out,
                    struct tw_error_text *err)
{
    struct tw_address address;
    struct tw_proxy proxy = {.user = ""};
    int rc = check(options, &address, &proxy, err);
    rc = rc != TW_OK ? rc : begin(options, &address, options->proxy != NULL ? &proxy : NULL, out, err);
    explicit_bzero(&proxy, sizeof proxy);
    return rc;
}

static void no_rows(void *ctx, struct tw_rows *rows)
{
    (void)ctx;
    tw_rows_free(rows);
}

// After this the journal knows nothing of the inbox: the question that waits is replaced by one
// that is never answered, and a synchronous one behind it says that all before it are through.
static void leave_journal(struct tw_uplink *uplink)
{
    struct tw_buf unused = {0};
    (void)!tw_journal_read(uplink->journal, INT64_MAX, 1, no_rows, NULL);
    (void)!tw_journal_lane(uplink->journal, "", &unused);
    tw_buf_free(&unused);
}

void tw_uplink_stop(struct tw_uplink *uplink)
{
    if (uplink == NULL) {
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_MS / 1000;
    tw_inbox_stop(uplink->inbox);
    bool joined = pthread_clockjoin_np(uplink->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
    leave_journal(uplink);
    if (!joined) { // it sits in the system's name resolver, which cannot be called off
        (void)pthread_mutex_lock(&uplink->lock);
        bool ended = uplink->ended;
        uplink->abandoned = !ended;
        (void)pthread_mutex_unlock(&uplink->lock);
        if (!ended) {
            (void)pthread_detach(uplink->thread);
            return;
        }
        (void)pthread_join(uplink->thread, NULL);
    }
    uplink_free(uplink);
}

void tw_uplink_want_members(struct tw_uplink *uplink, uint64_t version, bool wanted)
{
    tw_inbox_members(uplink->inbox, version, wanted);
}

void tw_uplink_resync(struct tw_uplink *uplink, uint64_t from)
{
    if (from > 0) {
        tw_inbox_resync(uplink->inbox, from);
    }
}

void tw_uplink_status(struct tw_uplink *uplink, struct tw_uplink_status *out)
{
    tw_link_status(uplink->link, out);
}

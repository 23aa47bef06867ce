// SPDX-License-Identifier: Apache-2.0
#include "tillwire/desk.h"

#include <limits.h>
#include <unistd.h>

#include "agent/desk/feed.h"
#include "agent/desk/listen.h"
#include "agent/desk/record.h"
#include "agent/desk/server.h"
#include "agent/desk/worker.h"

// Both together are TW_DESK_MAX_CONNECTIONS; the local socket keeps its share when the port is busy.
#define LOCAL_CONNECTIONS 32

static int start_local(struct tw_desk *desk, struct tw_error_text *err)
{
    char path[PATH_MAX];
    int fd = -1;
    (void)snprintf(path, sizeof path, "%s/control.sock", desk->with.config->run_dir);
    int rc = tw_listen_unix(path, &fd, err);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_server_new(desk, fd, NULL, LOCAL_CONNECTIONS, &desk->local);
    if (rc != TW_OK) {
        (void)close(fd);
        return tw_fail(err, rc, "cannot serve %s: %s", path, tw_err_name(rc));
    }
    return TW_OK;
}

static int start_tcp(struct tw_desk *desk, struct tw_error_text *err)
{
    const char *listen = desk->with.config->desk.listen;
    int fd = -1;
    if (listen == NULL) {
        return TW_OK;
    }
    int rc = tw_listen_tcp(listen, &fd, &desk->port, err);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_server_new(desk, fd, listen, TW_DESK_MAX_CONNECTIONS - LOCAL_CONNECTIONS, &desk->tcp);
    if (rc != TW_OK) {
        (void)close(fd);
        return tw_fail(err, rc, "cannot serve %s: %s", listen, tw_err_name(rc));
    }
    return TW_OK;
}

int tw_desk_start(const struct tw_desk_options *options, struct tw_desk **out, struct tw_error_text *err)
{
    struct tw_desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "starting the local interface: out of memory");
    }
    desk->with = *options;
    desk->started_wall_ms = options->clock->wall_ms(options->clock);
    desk->started_ms = options->clock->monotonic_ms(options->clock);
    tw_metrics_set(options->metrics, TW_METRIC_BUILD_INFO, TW_VERSION, NULL, 1);
    int rc = tw_feed_new(options->loop, &desk->feed);
    rc = rc != TW_OK ? rc : tw_worker_new(options->loop, &desk->worker);
    if (rc != TW_OK) {
        (void)tw_fail(err, rc, "starting the local interface: %s", tw_err_name(rc));
    }
    if (rc == TW_OK) {
        rc = start_local(desk, err);
    }
    if (rc == TW_OK) {
        rc = start_tcp(desk, err);
    }
    if (rc != TW_OK) {
        tw_desk_stop(desk);
        return rc;
    }
    *out = desk;
    return TW_OK;
}

void tw_desk_settle(struct tw_desk *desk)
{
    if (desk != NULL) {
        tw_worker_end(desk->worker);
    }
}

void tw_desk_stop(struct tw_desk *desk)
{
    if (desk == NULL) {
        return;
    }
    if (desk->local != NULL) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/control.sock", desk->with.config->run_dir);
        (void)unlink(path);
    }
    tw_worker_free(desk->worker);
    tw_feed_close(desk->feed);
    tw_record_close_all(desk);
    tw_server_free(desk->tcp);
    tw_server_free(desk->local);
    free(desk);
}

void tw_desk_committed(struct tw_desk *desk, const struct tw_event_row *row)
{
    const char *type = tw_event_type_name(row->type);
    tw_metrics_add(desk->with.metrics, TW_METRIC_EVENTS_COMMITTED,
                   type != NULL ? type + strlen(TW_EVENT_PREFIX) : "unknown", NULL, 1);
    tw_feed_push(desk->feed, row);
}

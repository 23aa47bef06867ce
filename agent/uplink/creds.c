// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/creds.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tillwire/clock.h"

void tw_creds_init(struct tw_creds *creds, const char *ca, const char *cert, const char *key,
                   const char *host, const char *alpn)
{
    *creds = (struct tw_creds){.tls = NULL};
    (void)snprintf(creds->ca, sizeof creds->ca, "%s", ca);
    (void)snprintf(creds->cert, sizeof creds->cert, "%s", cert);
    (void)snprintf(creds->key, sizeof creds->key, "%s", key);
    (void)snprintf(creds->host, sizeof creds->host, "%s", host);
    (void)snprintf(creds->alpn, sizeof creds->alpn, "%s", alpn != NULL ? alpn : "");
}

void tw_creds_free(struct tw_creds *creds)
{
    tw_tls_free(creds->tls);
    creds->tls = NULL;
}

int64_t tw_creds_time(int64_t wall_ms, bool vouched, int64_t latest_ms)
{
    if (wall_ms >= TW_RELEASE_WALL_MS && (vouched || wall_ms >= latest_ms)) {
        return wall_ms;
    }
    return latest_ms > TW_RELEASE_WALL_MS ? latest_ms : TW_RELEASE_WALL_MS;
}

// A file that is missing has a stamp of zeros.
static struct tw_creds_stamp stamp_of(const struct tw_creds *creds)
{
    const char *const paths[TW_CREDS_FILES] = {creds->ca, creds->cert, creds->key};
    struct tw_creds_stamp stamp;
    memset(&stamp, 0, sizeof stamp);
    for (size_t i = 0; i < TW_CREDS_FILES; i++) {
        struct stat is;
        if (stat(paths[i], &is) == 0) {
            stamp.file[i].changed = is.st_mtim;
            stamp.file[i].bytes = is.st_size;
            stamp.file[i].inode = is.st_ino;
        }
    }
    return stamp;
}

static bool alike(const struct tw_creds_stamp *a, const struct tw_creds_stamp *b)
{
    for (size_t i = 0; i < TW_CREDS_FILES; i++) {
        if (a->file[i].changed.tv_sec != b->file[i].changed.tv_sec ||
            a->file[i].changed.tv_nsec != b->file[i].changed.tv_nsec ||
            a->file[i].bytes != b->file[i].bytes || a->file[i].inode != b->file[i].inode) {
            return false;
        }
    }
    return true;
}

static int read_pair(const struct tw_creds *creds, int64_t time_ms, struct tw_tls **out,
                     struct tw_error_text *err)
{
    return tw_tls_new(&(struct tw_tls_options){.ca = creds->ca,
                                               .cert = creds->cert,
                                               .key = creds->key,
                                               .host = creds->host,
                                               .alpn = creds->alpn[0] != '\0' ? creds->alpn : NULL,
                                               .time_ms = time_ms},
                      out, err);
}

static void notice(struct tw_creds *creds, const char *before, const char *text)
{
    (void)snprintf(creds->notice, sizeof creds->notice, "%s%.400s", before, text);
}

// An own certificate that is not valid: the broker decides, but it is said.
static void note_own(struct tw_creds *creds)
{
    struct tw_error_text own = {""};
    notice(creds, "", tw_tls_own(creds->tls, &own) != TW_OK ? own.text : "");
}

#define STILL_THE_OLD "the new certificate files are not used: "

// Whether the fresh pair is out of its dates and the one in use is not; the sentence says how.
static bool is_worse(struct tw_creds *creds, const struct tw_tls *fresh, int64_t time_ms,
                     struct tw_error_text *err)
{
    struct tw_error_text own;
    if (creds->tls == NULL || tw_tls_own(fresh, err) == TW_OK) {
        return false;
    }
    tw_tls_set_time(creds->tls, time_ms);
    return tw_tls_own(creds->tls, &own) == TW_OK;
}

int tw_creds_load(struct tw_creds *creds, int64_t time_ms, struct tw_error_text *err)
{
    struct tw_tls *fresh = NULL;
    struct tw_creds_stamp now = stamp_of(creds); // before the reading: what changes meanwhile is seen later
    int rc = read_pair(creds, time_ms, &fresh, err);
    if (rc != TW_OK && creds->tls == NULL) {
        return rc;
    }
    if (rc != TW_OK || is_worse(creds, fresh, time_ms, err)) {
        tw_tls_free(fresh);
        notice(creds, STILL_THE_OLD, err->text);
        tw_tls_set_time(creds->tls, time_ms);
        creds->pending = false;
        return TW_OK;
    }
    tw_tls_free(creds->tls);
    creds->tls = fresh;
    creds->used = creds->seen = now;
    creds->pending = false;
    note_own(creds);
    return TW_OK;
}

// TW_CREDS_RENEWED: they can be used.
static enum tw_creds_news judge(struct tw_creds *creds, int64_t time_ms)
{
    struct tw_error_text err = {""};
    struct tw_tls *fresh = NULL;
    int rc = read_pair(creds, time_ms, &fresh, &err);
    rc = rc != TW_OK ? rc : tw_tls_own(fresh, &err);
    tw_tls_free(fresh);
    if (rc != TW_OK) {
        notice(creds, STILL_THE_OLD, err.text);
        return TW_CREDS_SAME;
    }
    creds->pending = true;
    creds->notice[0] = '\0';
    return TW_CREDS_RENEWED;
}

enum tw_creds_news tw_creds_look(struct tw_creds *creds, int64_t time_ms)
{
    struct tw_creds_stamp now = stamp_of(creds);
    bool still = alike(&now, &creds->seen);
    bool was_pending = creds->pending;
    creds->seen = now;
    if (still && was_pending) {
        return TW_CREDS_SAME;
    }
    creds->pending = false;
    if (alike(&now, &creds->used)) {
        tw_tls_set_time(creds->tls, time_ms);
        note_own(creds);
    } else if (still) {
        return judge(creds, time_ms);
    }
    return was_pending ? TW_CREDS_WITHDRAWN : TW_CREDS_SAME;
}

// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include "agent/member/store.h"
#include "tillwire/member.h"

#define STACK_BYTES (256 * 1024)
#define MAX_LOOKUPS 256                // waiting at once
#define MAX_WAITING (16 * 1024 * 1024) // bytes of pages waiting at once: a snapshot of 100,000 members

struct job { // a lookup (`done` set) or a page
    struct job *next;
    tw_member_fn *done;
    void *ctx;
    uint8_t key[TW_MEMBER_KEY];
    char pseudonym[TW_PSEUDONYM_LEN + 1];
    size_t len;
    uint8_t bytes[];
};

struct line { // first in, first out
    struct job *first, **last;
    size_t count, bytes;
};

struct tw_members {
    struct tw_members_options with;
    struct tw_member_store *store; // the member thread's
    uint64_t newest;               // version the centre spoke of; the member thread's
    uint64_t told_version;
    bool told_wanted, told;
    bool broken; // the store could not be opened again

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct line lookups, pages; // under the lock, as all below
    bool closing;
    struct tw_members_stats stats;
};

// ---- the two lines ----

static void line_init(struct line *line)
{
    *line = (struct line){.last = &line->first};
}

static void line_push(struct line *line, struct job *job)
{
    *line->last = job;
    line->last = &job->next;
    line->count++;
    line->bytes += job->len;
}

static struct job *line_pop(struct line *line)
{
    struct job *job = line->first;
    if (job != NULL) {
        line->first = job->next;
        if (line->first == NULL) {
            line->last = &line->first;
        }
        line->count--;
        line->bytes -= job->len;
    }
    return job;
}

static struct job *job_new(struct tw_slice bytes)
{
    struct job *job = malloc(sizeof *job + bytes.len);
    if (job != NULL) {
        *job = (struct job){.len = bytes.len};
        if (bytes.len > 0) {
            memcpy(job->bytes, bytes.ptr, bytes.len);
        }
    }
    return job;
}

// Takes the job; TW_ERR_FULL and freed when too much waits.
static int submit(struct tw_members *members, struct line *line, struct job *job)
{
    (void)pthread_mutex_lock(&members->lock);
    bool full = line == &members->lookups ? line->count >= MAX_LOOKUPS : line->bytes + job->len > MAX_WAITING;
    if (!full) {
        line_push(line, job);
        (void)pthread_cond_signal(&members->came);
    }
    (void)pthread_mutex_unlock(&members->lock);
    if (full) {
        free(job);
    }
    return full ? TW_ERR_FULL : TW_OK;
}

int tw_members_apply(struct tw_members *members, struct tw_slice payload)
{
    if (payload.len > TW_MEMBERS_MAX_PAGE) {
        (void)pthread_mutex_lock(&members->lock);
        members->stats.damaged++;
        (void)pthread_mutex_unlock(&members->lock);
        return TW_ERR_TOO_LARGE;
    }
    struct job *job = job_new(payload);
    return job != NULL ? submit(members, &members->pages, job) : TW_ERR_NOMEM;
}

int tw_members_lookup(struct tw_members *members, const char *pseudonym, tw_member_fn *done, void *ctx)
{
    uint8_t key[TW_MEMBER_KEY];
    if (strlen(pseudonym) > TW_PSEUDONYM_LEN || tw_member_key(pseudonym, key) != TW_OK) {
        return TW_ERR_INVALID;
    }
    struct job *job = job_new(tw_slice_of(NULL));
    if (job == NULL) {
        return TW_ERR_NOMEM;
    }
    memcpy(job->key, key, sizeof key);
    (void)strcpy(job->pseudonym, pseudonym);
    job->done = done;
    job->ctx = ctx;
    return submit(members, &members->lookups, job);
}

// ---- the member thread ----

static void publish_stats(struct tw_members *members, bool damaged)
{
    const struct tw_member_state *state = tw_member_store_state(members->store);
    (void)pthread_mutex_lock(&members->lock);
    members->stats.version = (uint64_t)state->version;
    members->stats.count = (uint64_t)state->members;
    members->stats.as_of_ms = state->as_of_ms;
    members->stats.damaged += damaged ? 1 : 0;
    (void)pthread_mutex_unlock(&members->lock);
}

// Pages are wanted until the centre has spoken of what is held, and whenever it spoke of more.
static void tell(struct tw_members *members, bool wanted)
{
    const struct tw_member_state *state = tw_member_store_state(members->store);
    uint64_t version = (uint64_t)state->version;
    wanted = wanted || members->newest > version || state->staged_version != 0;
    if (members->told && members->told_version == version && members->told_wanted == wanted) {
        return;
    }
    members->told = true;
    members->told_version = version;
    members->told_wanted = wanted;
    if (members->with.on_version != NULL) {
        members->with.on_version(members->with.ctx, version, wanted);
    }
}

// The file is damaged: what it held comes again from the centre.
static void renew(struct tw_members *members)
{
    struct tw_error_text why;
    members->broken = tw_member_store_renew(members->store, &why) != TW_OK;
    publish_stats(members, false);
    tell(members, true);
}

static int take_page(struct tw_members *members, const struct tw_members_page *page)
{
    const struct tw_member_state *state = tw_member_store_state(members->store);
    int64_t now_ms = members->with.clock->wall_ms(members->with.clock);
    // A whole snapshot of a smaller version: the centre counts anew (its database is a new one) and is right.
    bool anew = page->base == 0 && page->version < state->version;
    if (page->version <= state->version && !anew) {
        return tw_member_store_refresh(members->store, now_ms);
    }
    if (anew || (uint64_t)page->version > members->newest) {
        members->newest = (uint64_t)page->version;
    }
    if (page->base != 0 && page->base != state->version) {
        return TW_OK; // a change to a version that is not here: wanted, see tell
    }
    return tw_member_store_take(members->store, page, now_ms);
}

static void do_page(struct tw_members *members, const struct job *job)
{
    struct tw_members_page page;
    if (members->broken) {
        renew(members);
        return;
    }
    if (tw_members_page_read(tw_slice_make(job->bytes, job->len), &page) != TW_OK) {
        publish_stats(members, true);
        return;
    }
    int rc = take_page(members, &page);
    tw_members_page_free(&page);
    if (rc == TW_ERR_DAMAGED) {
        renew(members);
        return;
    }
    publish_stats(members, false);
    tell(members, rc != TW_OK);
}

static void do_lookup(struct tw_members *members, const struct job *job)
{
    struct tw_member member = {0};
    (void)strcpy(member.pseudonym, job->pseudonym);
    int rc = members->broken ? TW_OK : tw_member_store_get(members->store, job->key, &member);
    job->done(job->ctx, &member);
    if (rc == TW_ERR_DAMAGED) {
        renew(members);
    }
}

// Somebody waits at the till for a lookup; nobody does for a page.
static struct job *next_job(struct tw_members *members)
{
    (void)pthread_mutex_lock(&members->lock);
    while (members->lookups.count == 0 && members->pages.count == 0 && !members->closing) {
        (void)pthread_cond_wait(&members->came, &members->lock);
    }
    struct job *job = line_pop(&members->lookups);
    if (job == NULL && !members->closing) {
        job = line_pop(&members->pages);
    }
    (void)pthread_mutex_unlock(&members->lock);
    return job;
}

static void *run(void *ctx)
{
    struct tw_members *members = ctx;
    (void)pthread_setname_np(pthread_self(), "members");
    tell(members, true);
    for (struct job *job = next_job(members); job != NULL; job = next_job(members)) {
        if (job->done != NULL) {
            do_lookup(members, job);
        } else {
            do_page(members, job);
        }
        free(job);
    }
    return NULL;
}

// ---- opening and closing ----

static int start(struct tw_members *members)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return TW_ERR_NOMEM;
    }
    int failed = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (failed == 0) {
        failed = pthread_create(&members->thread, &attr, run, members);
    }
    (void)pthread_attr_destroy(&attr);
    return failed == 0 ? TW_OK : TW_ERR_NOMEM;
}

static void release(struct tw_members *members)
{
    tw_member_store_close(members->store);
    (void)pthread_mutex_destroy(&members->lock);
    (void)pthread_cond_destroy(&members->came);
    free(members);
}

int tw_members_open(const struct tw_members_options *options, struct tw_members **out,
                    struct tw_error_text *err)
{
    struct tw_members *members = calloc(1, sizeof *members);
    struct tw_error_text said = {0};
    if (members == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "opening %s: out of memory", options->path);
    }
    members->with = *options;
    members->with.path = NULL; // the store has its own copy
    line_init(&members->lookups);
    line_init(&members->pages);
    (void)pthread_mutex_init(&members->lock, NULL);
    (void)pthread_cond_init(&members->came, NULL);
    int rc = tw_member_store_open(options->path, &members->store, &said);
    if (rc == TW_OK) {
        publish_stats(members, false);
        rc = start(members);
        if (rc != TW_OK) {
            (void)tw_fail(&said, rc, "cannot start the member thread: raise TasksMax= or free memory");
        }
    }
    if (err != NULL) {
        *err = said;
    }
    if (rc != TW_OK) {
        release(members);
        return rc;
    }
    *out = members;
    return TW_OK;
}

void tw_members_close(struct tw_members *members)
{
    if (members == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&members->lock);
    members->closing = true;
    (void)pthread_cond_signal(&members->came);
    (void)pthread_mutex_unlock(&members->lock);
    (void)pthread_join(members->thread, NULL);
    for (struct job *job = line_pop(&members->pages); job != NULL; job = line_pop(&members->pages)) {
        free(job);
    }
    release(members);
}

void tw_members_stats(struct tw_members *members, struct tw_members_stats *out)
{
    (void)pthread_mutex_lock(&members->lock);
    *out = members->stats;
    (void)pthread_mutex_unlock(&members->lock);
}

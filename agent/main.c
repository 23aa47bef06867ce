// SPDX-License-Identifier: Apache-2.0
//
// tillwired: what starts, in order, and the same list backwards.
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/options.h"
#include "tillwire/config.h"
#include "tillwire/desk.h"
#include "tillwire/journal.h"
#include "tillwire/lane.h"
#include "tillwire/loop.h"
#include "tillwire/member.h"
#include "tillwire/metrics.h"
#include "tillwire/seal.h"
#include "tillwire/supervise.h"
#include "tillwire/uplink.h"

struct agent {
    const char *config_path;
    struct tw_config *config;
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct tw_scan_rules *rules;
    struct tw_clock *clock;
    struct tw_metrics *metrics;
    struct tw_loop *loop;
    struct tw_journal *journal;
    struct tw_members *members;
    struct tw_lane *lane;
    _Atomic(struct tw_uplink *) uplink; // read by the member thread
    _Atomic(struct tw_desk *) desk;     // read by the journal thread
    struct tw_timer *alive, *tidy;
    struct tw_error_text err;
};

// ---- what the parts tell each other across threads ----

static void event_committed(void *ctx, const struct tw_event_row *row)
{
    struct agent *agent = ctx;
    struct tw_desk *desk = atomic_load(&agent->desk);
    if (desk != NULL) {
        tw_desk_committed(desk, row);
    }
}

static void members_came(void *ctx, struct tw_slice payload)
{
    struct agent *agent = ctx;
    if (tw_members_apply(agent->members, payload) != TW_OK) {
        (void)fprintf(stderr, "tillwired: member data was not taken; the centre is asked again\n");
    }
}

static void members_version(void *ctx, uint64_t version, bool wanted)
{
    struct agent *agent = ctx;
    struct tw_uplink *uplink = atomic_load(&agent->uplink);
    if (uplink != NULL) {
        tw_uplink_want_members(uplink, version, wanted);
    }
}

// SIGHUP: a key was added to the file, or an old one taken out.
static void read_keys_again(void *ctx)
{
    struct agent *agent = ctx;
    struct tw_error_text err;
    struct tw_journal_stats stats;
    tw_journal_stats(agent->journal, &stats);
    if (tw_vault_reload(agent->vault, stats.oldest_seal_key, &err) == TW_OK) {
        (void)fprintf(stderr, "tillwired: SIGHUP: the journal keys were read again; key %u seals now\n",
                      tw_vault_current(agent->vault));
    } else {
        (void)fprintf(stderr, "tillwired: SIGHUP: %s; the keys in use stay as they were\n", err.text);
    }
}

static void still_alive(void *ctx)
{
    struct agent *agent = ctx;
    tw_supervise_alive();
    tw_timer_start(agent->alive, tw_supervise_watchdog_ms());
}

static void tidy_memory(void *ctx)
{
    struct agent *agent = ctx;
    struct tw_error_text err;
    if (tw_supervise_trim(&err) != TW_OK) {
        (void)fprintf(stderr, "tillwired: %s\n", err.text);
    }
    tw_timer_start(agent->tidy, TW_SUPERVISE_TRIM_MS);
}

// ---- starting, one step each ----

static int start_harden(struct agent *agent)
{
    struct tw_error_text note;
    if (tw_supervise_harden(&note) != TW_OK) {
        (void)fprintf(stderr, "tillwired: %s\n", note.text);
    }
    (void)umask(0027);
    (void)agent;
    return TW_OK;
}

static int start_config(struct agent *agent)
{
    int rc = tw_config_load(agent->config_path, &agent->config, &agent->err);
    if (rc == TW_OK && agent->config->timezone != NULL && setenv("TZ", agent->config->timezone, 1) == 0) {
        tzset(); // local days and printed times are those of the store
    }
    return rc;
}

static int start_rules(struct agent *agent)
{
    const struct tw_config *config = agent->config;
    int rc = tw_seal_new(&agent->seal, &agent->err);
    if (rc == TW_OK && config->loyalty.pseudonym_key != NULL) {
        rc = tw_seal_load_key(agent->seal, config->loyalty.pseudonym_key, &agent->err);
    }
    return rc != TW_OK ? rc
                       : tw_scan_rules_new(config->loyalty.cards, config->loyalty.card_count, &agent->rules,
                                           &agent->err);
}

// The receipt profiles are compiled once here, so that --check finds a bad one.
static int check_profiles(struct agent *agent)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < agent->config->device_count; i++) {
        const struct tw_device_config *device = &agent->config->devices[i];
        if (strcmp(device->class_name, "tap") == 0) {
            struct tw_profile *profile = NULL;
            rc = tw_config_profile(agent->config_path, device->profile, &profile, &agent->err);
            tw_profile_free(profile);
        }
    }
    return rc;
}

// A key that the configuration names has to be there: --check finds it missing. Another is made by
// start_vault.
static int check_vault(struct agent *agent)
{
    const char *key = agent->config->journal.key;
    return key != NULL ? tw_vault_load(agent->seal, key, false, &agent->vault, &agent->err) : TW_OK;
}

static struct tw_uplink_options uplink_options(struct agent *agent)
{
    const struct tw_config *config = agent->config;
    return (struct tw_uplink_options){
        .url = config->uplink.url,
        .ca = config->uplink.ca,
        .cert = config->uplink.cert,
        .key = config->uplink.key,
        .proxy = config->uplink.proxy,
        .alpn = config->uplink.alpn,
        .ack = config->uplink.ack,
        .tenant = config->tenant,
        .store = config->store,
        .terminal = config->terminal,
        .journal = agent->journal,
        .clock = agent->clock,
        .seal = agent->seal,
        .on_members = members_came,
        .ctx = agent,
    };
}

static int check_uplink(struct agent *agent)
{
    const struct tw_uplink_options options = uplink_options(agent);
    return tw_uplink_check(&options, &agent->err);
}

static int make_folder(struct agent *agent, const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST) {
        return TW_OK;
    }
    return tw_fail(&agent->err, TW_ERR_IO,
                   "making the folder %s: %s; make it by hand and give it to this user", path,
                   strerror(errno));
}

static int start_base(struct agent *agent)
{
    int rc = make_folder(agent, agent->config->state_dir, 0700);
    rc = rc != TW_OK ? rc : make_folder(agent, agent->config->run_dir, 0750);
    if (rc != TW_OK) {
        return rc;
    }
    agent->clock = tw_supervise_clock_new();
    agent->metrics = tw_metrics_new();
    if (agent->clock == NULL || agent->metrics == NULL || tw_loop_new(&agent->loop) != TW_OK) {
        return tw_fail(&agent->err, TW_ERR_NOMEM, "starting the event loop: out of memory or descriptors");
    }
    tw_metrics_set(agent->metrics, TW_METRIC_BUILD_INFO, TW_VERSION, NULL, 1);
    return TW_OK;
}

static int start_vault(struct agent *agent)
{
    int rc = TW_OK;
    if (agent->vault == NULL) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/journal.key", agent->config->state_dir);
        rc = tw_vault_load(agent->seal, path, true, &agent->vault, &agent->err);
    }
    if (rc == TW_OK && tw_loop_on_hangup(agent->loop, read_keys_again, agent) != TW_OK) {
        rc = tw_fail(&agent->err, TW_ERR_IO, "waiting for SIGHUP: out of descriptors");
    }
    return rc;
}

static int start_journal(struct agent *agent)
{
    const struct tw_config *config = agent->config;
    char path[4096];
    char source[128];
    (void)snprintf(path, sizeof path, "%s/journal.db", config->state_dir);
    (void)snprintf(source, sizeof source, "/%s/%s/%s", config->tenant, config->store, config->terminal);
    const struct tw_journal_options options = {
        .path = path,
        .source = source,
        .clock = agent->clock,
        .seal = agent->seal,
        .vault = agent->vault,
        .merge = tw_lane_merge,
        .on_commit = event_committed,
        .ctx = agent,
        .max_bytes = config->journal.max_bytes,
        .reserve_bytes = config->journal.reserve_bytes,
    };
    return tw_journal_open(&options, &agent->journal, &agent->err);
}

static int start_members(struct agent *agent)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/members.db", agent->config->state_dir);
    const struct tw_members_options options = {
        .path = path, .clock = agent->clock, .on_version = members_version, .ctx = agent};
    return tw_members_open(&options, &agent->members, &agent->err);
}

static int start_uplink(struct agent *agent)
{
    const struct tw_uplink_options options = uplink_options(agent);
    struct tw_uplink *uplink = NULL;
    int rc = tw_uplink_start(&options, &uplink, &agent->err);
    if (rc == TW_OK) {
        struct tw_members_stats stats;
        tw_members_stats(agent->members, &stats);
        tw_uplink_want_members(uplink, stats.version, true);
        atomic_store(&agent->uplink, uplink);
    }
    return rc;
}

static int start_lane(struct agent *agent)
{
    const struct tw_lane_options options = {
        .config = agent->config,
        .config_path = agent->config_path,
        .rules = agent->rules,
        .clock = agent->clock,
        .loop = agent->loop,
        .journal = agent->journal,
        .members = agent->members,
        .seal = agent->seal,
        .metrics = agent->metrics,
    };
    return tw_lane_new(&options, &agent->lane, &agent->err);
}

static int start_desk(struct agent *agent)
{
    const struct tw_desk_options options = {
        .config = agent->config,
        .rules = agent->rules,
        .clock = agent->clock,
        .loop = agent->loop,
        .lane = agent->lane,
        .journal = agent->journal,
        .members = agent->members,
        .uplink = atomic_load(&agent->uplink),
        .metrics = agent->metrics,
    };
    struct tw_desk *desk = NULL;
    int rc = tw_desk_start(&options, &desk, &agent->err);
    atomic_store(&agent->desk, desk);
    return rc;
}

static int start_devices(struct agent *agent)
{
    return tw_lane_open_devices(agent->lane, &agent->err);
}

static int start_ready(struct agent *agent)
{
    const struct tw_config *config = agent->config;
    char status[256];
    (void)snprintf(status, sizeof status, "serving /%s/%s/%s with %zu devices", config->tenant, config->store,
                   config->terminal, config->device_count);
    if (tw_supervise_watchdog_ms() > 0) {
        agent->alive = tw_timer_new(agent->loop, still_alive, agent);
        if (agent->alive == NULL) {
            return tw_fail(&agent->err, TW_ERR_NOMEM, "starting the watchdog timer: out of memory");
        }
        tw_timer_start(agent->alive, 0);
    }
    agent->tidy = tw_timer_new(agent->loop, tidy_memory, agent);
    if (agent->tidy == NULL) {
        return tw_fail(&agent->err, TW_ERR_NOMEM, "starting the timer that tidies memory: out of memory");
    }
    tw_timer_start(agent->tidy, TW_SUPERVISE_TRIM_MS);
    tw_supervise_ready(status);
    (void)fprintf(stderr, "tillwired " TW_VERSION ": %s\n", status);
    return TW_OK;
}

// ---- and backwards ----

static void stop(struct agent *agent)
{
    tw_supervise_stopping();
    if (agent->lane != NULL) {
        tw_lane_stop(agent->lane);
    }
    tw_desk_settle(atomic_load(&agent->desk)); // it asks journal and uplink
    tw_timer_close(agent->alive);
    tw_timer_close(agent->tidy);
    struct tw_uplink *uplink = atomic_exchange(&agent->uplink, NULL);
    tw_uplink_stop(uplink);
    tw_members_close(agent->members);
    if (agent->loop != NULL) {
        tw_loop_drain(agent->loop); // answers of the member thread
    }
    tw_journal_close(agent->journal);
    if (agent->loop != NULL) {
        tw_loop_drain(agent->loop); // answers of the journal
    }
    struct tw_desk *desk = atomic_exchange(&agent->desk, NULL);
    tw_desk_stop(desk);
    tw_lane_free(agent->lane);
    tw_loop_free(agent->loop);
    tw_metrics_free(agent->metrics);
    tw_supervise_clock_free(agent->clock);
    tw_scan_rules_free(agent->rules);
    tw_vault_free(agent->vault);
    tw_seal_free(agent->seal);
    tw_config_free(agent->config);
}

int main(int argc, char **argv)
{
    static int (*const checks[])(struct agent *) = {start_harden,   start_config, start_rules,
                                                    check_profiles, check_vault,  check_uplink};
    static int (*const steps[])(struct agent *) = {start_base,    start_vault,   start_journal,
                                                   start_members, start_uplink,  start_lane,
                                                   start_desk,    start_devices, start_ready};
    struct tw_options options;
    tw_options_parse(argc, argv, &options);
    struct agent agent = {.config_path = options.config};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof checks / sizeof checks[0]; i++) {
        rc = checks[i](&agent);
    }
    for (size_t i = 0; rc == TW_OK && !options.check && i < sizeof steps / sizeof steps[0]; i++) {
        rc = steps[i](&agent);
    }
    if (rc == TW_OK && !options.check) {
        rc = tw_loop_run(agent.loop);
    }
    stop(&agent);
    if (rc != TW_OK) {
        (void)fprintf(stderr, "tillwired: %s\n",
                      agent.err.text[0] != '\0' ? agent.err.text : tw_err_name(rc));
        return EXIT_FAILURE;
    }
    if (options.check) {
        (void)printf("%s: the configuration is good\n", options.config);
    }
    return EXIT_SUCCESS;
}

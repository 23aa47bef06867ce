// SPDX-License-Identifier: Apache-2.0
//
// GET /v1/status: one JSON object for programs and `tillwire status`; its members are listed in README.md
// and stay. `problems` says in sentences what is not well and what to do.
#include <inttypes.h>
#include <string.h>

#include "agent/desk/routes.h"
#include "tillwire/event.h"

#define STALLED_S (5 * 60)       // the centre is there but acknowledges nothing
#define OLD_S     (24 * 60 * 60) // member data

struct picture { // all that is looked at, taken once
    struct tw_journal_stats journal;
    struct tw_uplink_status uplink;
    struct tw_members_stats members;
    struct tw_buf devices;
    bool has_uplink;
    int64_t wall_ms;
    int64_t uplink_s, oldest_s, members_s; // ages; -1: none
    enum tw_clock_trust clock;
};

static int64_t age_s(int64_t now_ms, int64_t then_ms)
{
    return now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
}

static void take(const struct tw_desk_options *with, struct picture *out)
{
    int64_t wall_ms = with->clock->wall_ms(with->clock);
    int64_t now_ms = with->clock->monotonic_ms(with->clock);
    out->wall_ms = wall_ms;
    tw_journal_stats(with->journal, &out->journal);
    tw_members_stats(with->members, &out->members);
    tw_lane_devices(with->lane, &out->devices);
    out->has_uplink = with->uplink != NULL;
    if (out->has_uplink) {
        tw_uplink_status(with->uplink, &out->uplink);
    }
    out->uplink_s = age_s(now_ms, out->uplink.since_ms);
    out->oldest_s = out->journal.oldest_ms > 0 ? age_s(wall_ms, out->journal.oldest_ms) : -1;
    out->members_s = out->members.as_of_ms > 0 ? age_s(wall_ms, out->members.as_of_ms) : -1;
    out->clock = with->clock->trust(with->clock);
}

// ---- problems ----

__attribute__((format(printf, 2, 3))) static void add_problem(tw_json *problems, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)tw_json_append(problems, tw_json_pack("s", text));
}

static void uplink_problems(const struct tw_desk *desk, const struct picture *now, tw_json *problems)
{
    const char *state_dir = desk->with.config->state_dir;
    const char *why = now->uplink.why;
    if (!now->has_uplink) {
        add_problem(problems,
                    "No uplink is configured: events stay in %s. Set uplink.url in the configuration.",
                    state_dir);
    } else if (!now->uplink.connected) {
        add_problem(problems,
                    "Not connected to the broker for %" PRId64 " s%s%s. Events are kept in %s meanwhile.",
                    now->uplink_s, why[0] != '\0' ? ": " : "", why, state_dir);
    } else if (why[0] != '\0') {
        add_problem(problems, "Uplink: %s", why);
    } else if (now->oldest_s > STALLED_S && now->uplink_s > STALLED_S) {
        add_problem(problems,
                    "Connected, but the centre has left events unacknowledged for %" PRId64
                    " s. Check the central service.",
                    now->oldest_s);
    }
}

static void device_problems(const struct picture *now, tw_json *problems)
{
    tw_json *devices = NULL;
    struct tw_error_text ignored;
    if (tw_json_parse(tw_buf_slice(&now->devices), &devices, &ignored) != TW_OK) {
        return;
    }
    for (size_t i = 0; i < tw_json_size(devices); i++) {
        const tw_json *device = tw_json_at(devices, i);
        const char *state = tw_json_text(tw_json_get(device, "state"));
        const char *name = tw_json_text(tw_json_get(device, "name"));
        const char *why = tw_json_text(tw_json_get(device, "why"));
        if (state != NULL && strcmp(state, "ready") != 0) {
            add_problem(problems, "Device %s is not ready (%s)%s%s", name != NULL ? name : "?", state,
                        why != NULL ? ": " : ".", why != NULL ? why : "");
        }
    }
    tw_json_free(devices);
}

static void journal_problems(const struct tw_desk *desk, const struct tw_journal_stats *journal,
                             tw_json *problems)
{
    const char *state_dir = desk->with.config->state_dir;
    if (tw_desk_is_full(journal)) {
        add_problem(problems,
                    "The journal is full: sales and scans are refused, taps keep their copies and wait. "
                    "%" PRIu64 " events wait in %s for the centre. Let the uplink deliver them, make room on "
                    "that disk, or raise journal.max_bytes.",
                    journal->queued_events, state_dir);
    } else if (journal->last_error != TW_OK) {
        add_problem(problems, "The last commit failed (%s): nothing is accepted. Check the disk of %s.",
                    tw_err_name(journal->last_error), state_dir);
    }
    if (journal->damaged > 0) {
        add_problem(problems,
                    "A damaged journal was set aside in %s/quarantine; %" PRIu64
                    " events were saved from it, "
                    "and the centre was told of the rest. Check the disk, and keep the files for who helps "
                    "you. This is said until the agent is started again.",
                    state_dir, journal->salvaged);
    }
    if (journal->dropped > 0) {
        add_problem(problems,
                    "%" PRIu64 " events of little weight (of devices, drift, offers) were given up for room "
                    "since the agent started. The centre is told of each (capture.gap).",
                    journal->dropped);
    }
    if (journal->dead_letters > 0) {
        add_problem(problems,
                    "%" PRIu64
                    " events were rejected by the centre or the broker. `tillwire queue show` says "
                    "why; once that is mended, `tillwire queue retry --all` sends them again.",
                    journal->dead_letters);
    }
}

static tw_json *find_problems(const struct tw_desk *desk, const struct picture *now)
{
    tw_json *problems = tw_json_pack("[]");
    journal_problems(desk, &now->journal, problems);
    uplink_problems(desk, now, problems);
    if (now->members_s > OLD_S) {
        add_problem(problems,
                    "The members are %" PRId64 " hours old. They are renewed when the centre speaks of them.",
                    now->members_s / 3600);
    }
    if (now->clock == TW_CLOCK_SUSPECT) {
        add_problem(problems,
                    "The clock of this terminal cannot be right. Set it, or start time synchronisation.");
    }
    device_problems(now, problems);
    return problems;
}

// ---- the object ----

static void write_text(struct tw_buf *out, const char *name, const char *text)
{
    tw_buf_printf(out, "\"%s\":", name);
    tw_json_dump_text(tw_slice_of(text), out);
    tw_buf_add_text(out, ",");
}

static void write_age(struct tw_buf *out, const char *name, int64_t age)
{
    if (age >= 0) {
        tw_buf_printf(out, "\"%s\":%" PRId64, name, age);
    } else {
        tw_buf_printf(out, "\"%s\":null", name);
    }
}

static void write_head(const struct tw_desk *desk, const struct picture *now, struct tw_buf *out)
{
    const struct tw_config *config = desk->with.config;
    const struct tw_clock *clock = desk->with.clock;
    char started[25];
    tw_event_time(desk->started_wall_ms, started);
    tw_buf_add_text(out, "{");
    write_text(out, "version", TW_VERSION);
    write_text(out, "tenant", config->tenant);
    write_text(out, "store", config->store);
    write_text(out, "terminal", config->terminal);
    write_text(out, "started", started);
    tw_buf_printf(out, "\"uptime_s\":%" PRId64 ",", age_s(clock->monotonic_ms(clock), desk->started_ms));
    write_text(out, "epoch", now->journal.epoch);
    tw_buf_printf(out, "\"next_sequence\":%" PRIu64 ",", now->journal.next_sequence);
}

static void write_journal(const struct tw_journal_stats *journal, int64_t wall_ms, struct tw_buf *out)
{
    tw_buf_add_text(out, "\"queue\":{");
    tw_desk_write_queue(journal, wall_ms, out);
    tw_buf_printf(out,
                  "},\"journal\":{\"file_bytes\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"salvaged\":%" PRIu64
                  ",\"seal_key\":%u,\"oldest_seal_key\":%u},",
                  journal->file_bytes, journal->damaged, journal->salvaged, journal->seal_key,
                  journal->oldest_seal_key);
}

static void write_uplink(const struct picture *now, struct tw_buf *out)
{
    const struct tw_uplink_status *uplink = &now->uplink;
    if (!now->has_uplink) {
        tw_buf_add_text(out, "\"uplink\":null,");
        return;
    }
    tw_buf_printf(
        out,
        "\"uplink\":{\"connected\":%s,\"since_s\":%" PRId64 ",\"window\":%u,\"open\":%u,"
        "\"published\":%" PRIu64 ",\"acknowledged\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"through\":%" PRIu64
        ",\"reconnects\":%" PRIu64 ",\"no_subscriber\":%" PRIu64 ",\"why\":",
        uplink->connected ? "true" : "false", now->uplink_s, uplink->window, uplink->open, uplink->published,
        uplink->acknowledged, uplink->rejected, uplink->through, uplink->reconnects, uplink->no_subscriber);
    if (uplink->why[0] != '\0') {
        tw_json_dump_text(tw_slice_of(uplink->why), out);
    } else {
        tw_buf_add_text(out, "null");
    }
    tw_buf_add_text(out, "},");
}

static void write_rest(const struct picture *now, const tw_json *problems, struct tw_buf *out)
{
    static const char *const trust[] = {"ok", "unsynchronised", "suspect"};
    tw_buf_printf(out, "\"members\":{\"count\":%" PRIu64 ",\"version\":%" PRIu64 ",", now->members.count,
                  now->members.version);
    write_age(out, "age_s", now->members_s);
    tw_buf_printf(out, ",\"damaged\":%" PRIu64 "},\"clock\":\"%s\",\"devices\":", now->members.damaged,
                  trust[now->clock]);
    tw_buf_add(out, now->devices.ptr, now->devices.len);
    tw_buf_add_text(out, ",\"problems\":");
    tw_json_dump(problems, out);
    tw_buf_printf(out, ",\"well\":%s}", tw_json_size(problems) == 0 ? "true" : "false");
}

void tw_desk_status(struct tw_request *request)
{
    struct picture now = {0};
    struct tw_buf body = {0};
    take(&request->desk->with, &now);
    tw_json *problems = find_problems(request->desk, &now);
    if (problems == NULL) {
        tw_request_failed(request, TW_ERR_NOMEM);
    } else {
        write_head(request->desk, &now, &body);
        write_journal(&now.journal, now.wall_ms, &body);
        write_uplink(&now, &body);
        write_rest(&now, problems, &body);
        tw_request_answer(request, MHD_HTTP_OK, "application/json", &body);
    }
    tw_json_free(problems);
    tw_buf_free(&now.devices);
}

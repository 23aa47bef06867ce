// SPDX-License-Identifier: Apache-2.0
//
// The customer displays that greet. A scan at their workstation asks the member store, as lookups do, and
// waits for nothing; what it answers is shown (greeting.c) until the sale is closed or the time is over.
#include <stdlib.h>
#include <string.h>

#include "agent/lane/greeting.h"
#include "agent/lane/parts.h"

struct tw_lane_display {
    struct tw_lane *lane;
    struct tw_lane_device *device;
    const struct tw_device_config *config;
    const char *workstation;
    struct tw_timer *timer;
    struct tw_greeting greeting;
};

// A question on its way to the member store and back. Displays may be gone when it is answered.
struct question {
    struct tw_lane *lane;
    struct tw_post post;
    char workstation[33];
    char pseudonym[TW_PSEUDONYM_LEN + 1];
    struct tw_member member;
};

static void free_question(struct question *question)
{
    tw_seal_wipe(question, sizeof *question);
    free(question);
}

static void clear(struct tw_lane_display *display)
{
    tw_timer_stop(display->timer);
    tw_lane_device_show(display->device, "", "");
}

static void on_timer(void *ctx)
{
    struct tw_lane_display *display = ctx;
    if (tw_greeting_end(&display->greeting)) {
        clear(display);
    }
}

static bool is_at(const struct tw_lane_display *display, const char *workstation)
{
    return strcmp(display->workstation, workstation) == 0;
}

static void answer(struct tw_lane_display *display, const struct tw_member *member, int64_t wall_ms)
{
    struct tw_greeting_lines lines;
    switch (tw_greeting_answer(&display->greeting, display->config, member, wall_ms, &lines)) {
    case TW_GREETING_SHOW:
        tw_lane_device_show(display->device, lines.upper, lines.lower);
        tw_timer_start(display->timer, TW_GREETING_MS);
        break;
    case TW_GREETING_CLEAR:
        clear(display);
        break;
    case TW_GREETING_STAYS:
        break;
    }
}

static void on_answer(void *ctx)
{
    struct question *question = ctx;
    struct tw_lane *lane = question->lane;
    int64_t wall_ms = lane->with.clock->wall_ms(lane->with.clock);
    for (size_t i = 0; i < lane->display_count; i++) {
        if (is_at(lane->displays[i], question->workstation)) {
            answer(lane->displays[i], &question->member, wall_ms);
        }
    }
    free_question(question);
}

// On the member thread.
static void on_member(void *ctx, const struct tw_member *member)
{
    struct question *question = ctx;
    question->member = *member;
    (void)snprintf(question->member.pseudonym, sizeof question->member.pseudonym, "%s", question->pseudonym);
    tw_loop_hand(question->lane->with.loop, &question->post, on_answer, question);
}

static int ask(struct tw_lane *lane, const char *workstation, const char *pseudonym)
{
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL) {
        return TW_ERR_NOMEM;
    }
    question->lane = lane;
    (void)snprintf(question->workstation, sizeof question->workstation, "%s", workstation);
    (void)snprintf(question->pseudonym, sizeof question->pseudonym, "%s", pseudonym);
    int rc = tw_members_lookup(lane->with.members, pseudonym, on_member, question);
    if (rc != TW_OK) {
        free_question(question);
    }
    return rc;
}

void tw_lane_greet(struct tw_lane *lane, const char *workstation, const char *pseudonym)
{
    bool wanted = false;
    for (size_t i = 0; i < lane->display_count; i++) {
        struct tw_lane_display *display = lane->displays[i];
        if (is_at(display, workstation)) {
            wanted = true;
            if (tw_greeting_begin(&display->greeting, pseudonym)) {
                clear(display);
            }
            // Who is meant is forgotten without an answer, too.
            tw_timer_start(display->timer, TW_GREETING_MS);
        }
    }
    // Without memory, or with too many lookups waiting, nobody is greeted.
    if (wanted && ask(lane, workstation, pseudonym) != TW_OK) {
        tw_lane_greeting_over(lane, workstation);
    }
}

void tw_lane_greeting_over(struct tw_lane *lane, const char *workstation)
{
    for (size_t i = 0; i < lane->display_count; i++) {
        struct tw_lane_display *display = lane->displays[i];
        if (is_at(display, workstation) && tw_greeting_end(&display->greeting)) {
            clear(display);
        }
    }
}

int tw_lane_display_add(struct tw_lane *lane, const struct tw_device_config *config,
                        struct tw_lane_device *device, struct tw_error_text *err)
{
    size_t size = (lane->display_count + 1) * sizeof(struct tw_lane_display *);
    struct tw_lane_display **displays = realloc(lane->displays, size);
    struct tw_lane_display *display = calloc(1, sizeof *display);
    if (displays != NULL) {
        lane->displays = displays;
    }
    struct tw_timer *timer = display != NULL ? tw_timer_new(lane->with.loop, on_timer, display) : NULL;
    if (displays == NULL || timer == NULL) {
        tw_timer_close(timer);
        free(display);
        return tw_fail(err, TW_ERR_NOMEM, "opening device %s: out of memory", config->name);
    }
    *display = (struct tw_lane_display){
        .lane = lane,
        .device = device,
        .config = config,
        .workstation = config->workstation != NULL ? config->workstation : lane->with.config->terminal,
        .timer = timer,
    };
    lane->displays[lane->display_count++] = display;
    return TW_OK;
}

void tw_lane_displays_free(struct tw_lane *lane)
{
    for (size_t i = 0; i < lane->display_count; i++) {
        struct tw_lane_display *display = lane->displays[i];
        if (tw_greeting_end(&display->greeting)) {
            clear(display); // nobody would, once the agent is gone
        }
        tw_timer_close(display->timer);
        free(display);
    }
    free(lane->displays);
    lane->displays = NULL;
    lane->display_count = 0;
}

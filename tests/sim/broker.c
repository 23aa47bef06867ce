// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/broker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/agent.h"
#include "tests/sim/books.h"
#include "tests/sim/centre.h"
#include "tests/sim/line.h"

#define KEEPALIVE_MS  60000
#define CENTRE_LAG_MS 8000
#define ANY_LINE      UINT64_MAX

// MQTT 5 section 3.4.2.1.
enum { TAKEN = 0, NOBODY_LISTENS = 0x10, UNSPECIFIED = 0x80, QUOTA_EXCEEDED = 0x97, BAD_PAYLOAD = 0x99 };

struct sim_broker {
    uint64_t line; // number of the connection, or of the silence after it
    enum { NONE, CONNECTING, UP } is;
    bool swallows;
    int64_t down_until_ms;
    int64_t up_at, down_at, centre_at; // when the last thing on the way arrives
    unsigned receive_maximum, unanswered;
    struct sim_state kept; // the retained state
    uint64_t state_number;
    struct sim_state *states; // that were published
    size_t state_count, state_cap;
    struct sim_word *words; // that were published
    size_t word_count, word_cap;
};

static int64_t travel_ms(struct sim *sim)
{
    return sim_between(sim, 0, sim->weather.line_ms);
}

// In order after what `*last` arrives at.
static int64_t in_order(struct sim *sim, int64_t *last)
{
    int64_t at = sim->now_ms + travel_ms(sim);
    *last = at > *last ? at : *last;
    return *last - sim->now_ms;
}

static int64_t to_centre_ms(struct sim *sim)
{
    struct sim_broker *broker = sim->broker;
    if (sim_chance(sim, sim->weather.centre_lags_pm)) {
        broker->centre_at = broker->centre_at > sim->now_ms ? broker->centre_at : sim->now_ms;
        broker->centre_at += sim_between(sim, 100, CENTRE_LAG_MS);
    }
    return in_order(sim, &broker->centre_at);
}

// A word that comes late may come on a later connection.
static bool is_alive(const struct sim_broker *broker, uint64_t line)
{
    return broker->is == UP && !broker->swallows && (line == ANY_LINE || line == broker->line);
}

// ---- connections ----

static void tell_lost(struct sim *sim, const struct sim_note *note)
{
    if (sim->broker->line == note->a) {
        sim_line_lost(sim);
    }
}

static void will(struct sim *sim, const struct sim_note *note)
{
    if (note->a == sim->broker->state_number) { // nothing newer was said
        sim->broker->kept.online = false;
    }
}

static void end_line(struct sim *sim)
{
    struct sim_broker *broker = sim->broker;
    broker->line++;
    broker->is = NONE;
    broker->swallows = false;
    broker->unanswered = 0;
    sim_plan(sim, travel_ms(sim), will, (struct sim_note){.a = broker->state_number});
}

void sim_broker_disconnect(struct sim *sim)
{
    if (sim->broker->is != NONE) {
        end_line(sim);
    }
}

void sim_broker_cut(struct sim *sim)
{
    if (sim->broker->is == UP) {
        sim->figures->sessions_lost++;
        sim_say(sim, "the connection breaks");
        end_line(sim);
        sim_plan(sim, sim_between(sim, 0, 2000), tell_lost, (struct sim_note){.a = sim->broker->line});
    }
}

static void cut_later(struct sim *sim, const struct sim_note *note)
{
    if (note->a == sim->broker->line) {
        sim_broker_cut(sim);
    }
}

void sim_broker_swallow(struct sim *sim)
{
    if (sim->broker->is == UP) {
        sim->figures->sessions_lost++;
        sim_say(sim, "the line swallows everything");
        sim->broker->swallows = true;
        sim_plan(sim, KEEPALIVE_MS, tell_lost, (struct sim_note){.a = sim->broker->line});
    }
}

void sim_broker_stop(struct sim *sim, int64_t down_ms)
{
    sim_say(sim, "the broker stops for %" PRId64 " ms", down_ms);
    sim_broker_cut(sim);
    sim->broker->down_until_ms = sim->now_ms + down_ms;
}

void sim_broker_mend(struct sim *sim)
{
    sim->broker->down_until_ms = 0;
}

static void connected(struct sim *sim, const struct sim_note *note)
{
    static const unsigned maxima[] = {65535, 65535, 100, 20, 7, 1};
    struct sim_broker *broker = sim->broker;
    if (broker->is != CONNECTING || note->a != broker->line) {
        return;
    }
    broker->is = UP;
    broker->receive_maximum = maxima[sim_below(sim, sizeof maxima / sizeof maxima[0])];
    broker->up_at = broker->down_at = sim->now_ms;
    sim_line_connected(sim, broker->receive_maximum);
}

void sim_broker_connect(struct sim *sim)
{
    struct sim_broker *broker = sim->broker;
    struct sim_note note = {.a = ++broker->line};
    int64_t takes_ms = 3 * travel_ms(sim) + 1;
    broker->is = CONNECTING;
    broker->unanswered = 0;
    if (sim->now_ms < broker->down_until_ms || sim_chance(sim, sim->weather.refuse_pm)) {
        sim->figures->refusals++;
        sim_plan(sim, takes_ms, tell_lost, note);
    } else if (!sim_chance(sim, sim->weather.silent_pm)) { // else nobody ever answers
        sim_plan(sim, takes_ms, connected, note);
    }
}

// ---- up ----

static void answered(struct sim *sim, const struct sim_note *note)
{
    if (is_alive(sim->broker, note->a)) {
        sim->broker->unanswered--;
        sim_line_puback(sim, (int)note->b, (int)note->c);
    }
}

static int reason_of(struct sim *sim, uint32_t row)
{
    if (sim_books_entry(sim->books, sim_books_get(sim->books, row)->event)->bulky) {
        return BAD_PAYLOAD;
    }
    if (sim_chance(sim, sim->weather.refuse_publish_pm)) {
        return sim_chance(sim, 500) ? QUOTA_EXCEEDED : UNSPECIFIED;
    }
    return sim_centre_listens(sim->centre) ? TAKEN : NOBODY_LISTENS;
}

static void to_centre(struct sim *sim, const struct sim_note *note)
{
    sim_centre_take(sim, (uint32_t)note->a, note->b);
}

static void arrived(struct sim *sim, const struct sim_note *note)
{
    struct sim_broker *broker = sim->broker;
    if (!is_alive(broker, note->a)) {
        return;
    }
    int reason = reason_of(sim, (uint32_t)note->b);
    if (reason == TAKEN && sim_line_mode(sim->line) == TW_ACK_BROKER) {
        sim_centre_keep(sim, (uint32_t)note->b);
    } else if (reason == TAKEN) {
        sim_plan(sim, to_centre_ms(sim), to_centre,
                 (struct sim_note){.a = note->b, .b = sim_centre_session(sim->centre)});
    } else {
        sim_say(sim, "the broker answers 0x%02x", (unsigned)reason);
    }
    int64_t back_ms = in_order(sim, &broker->down_at);
    sim_plan(sim, back_ms, answered, (struct sim_note){broker->line, note->c, (uint64_t)reason});
    if (reason == UNSPECIFIED) { // Mosquitto 2.0 hangs up after it
        sim_plan(sim, back_ms, cut_later, (struct sim_note){.a = broker->line});
    }
}

void sim_broker_publish(struct sim *sim, uint32_t row, int mid)
{
    struct sim_broker *broker = sim->broker;
    if (broker->is != UP) { // the terminal does not know yet
        return;
    }
    if (++broker->unanswered > broker->receive_maximum) {
        sim_broken(sim, "MQTT", "%u publishes are open, the receive maximum is %u", broker->unanswered,
                   broker->receive_maximum);
    }
    sim_plan(sim, in_order(sim, &broker->up_at), arrived,
             (struct sim_note){broker->line, row, (uint64_t)mid});
    if (sim_chance(sim, sim->weather.cut_pm)) {
        sim_plan(sim, 2 * travel_ms(sim), cut_later, (struct sim_note){.a = broker->line});
    }
}

static void state_to_centre(struct sim *sim, const struct sim_note *note)
{
    sim_centre_state(sim, &sim->broker->states[note->a], note->b);
}

static void forward_state(struct sim *sim, size_t number)
{
    sim_plan(sim, to_centre_ms(sim), state_to_centre,
             (struct sim_note){.a = number, .b = sim_centre_session(sim->centre)});
}

static void state_arrived(struct sim *sim, const struct sim_note *note)
{
    struct sim_broker *broker = sim->broker;
    if (is_alive(broker, note->a)) {
        broker->kept = broker->states[note->b];
        broker->state_number = note->b;
        forward_state(sim, (size_t)note->b);
    }
}

void sim_broker_state(struct sim *sim, const struct tw_outbox_state *state, uint64_t session)
{
    struct sim_broker *broker = sim->broker;
    broker->states =
        sim_grow(broker->states, broker->state_count, &broker->state_cap, sizeof *broker->states);
    struct sim_state *added = &broker->states[broker->state_count];
    *added = (struct sim_state){.online = true, .through = state->start.through, .session = session};
    memcpy(added->epoch, state->start.epoch, sizeof added->epoch);
    memcpy(added->head, state->start.head, sizeof added->head);
    if (broker->is == UP) {
        sim_plan(sim, in_order(sim, &broker->up_at), state_arrived,
                 (struct sim_note){.a = broker->line, .b = broker->state_count});
    }
    broker->state_count++;
}

void sim_broker_subscribed(struct sim *sim)
{
    if (sim->broker->kept.online) {
        forward_state(sim, (size_t)sim->broker->state_number);
    }
}

// ---- down ----

static void word_arrived(struct sim *sim, const struct sim_note *note)
{
    struct sim_word word = sim->broker->words[note->b];
    if (!is_alive(sim->broker, note->a)) {
        return;
    }
    if (word.is_ack) {
        sim_say(sim, "ack of %" PRIu64 ", epoch %.8s", word.number, word.epoch);
        sim_line_ack(sim, word.epoch, word.number, word.has_head ? word.head : NULL, word.session);
    } else {
        sim_say(sim, "reject of %" PRIu64 ", epoch %.8s", word.number, word.epoch);
        sim_line_reject(sim, word.epoch, word.number);
    }
}

static size_t add_word(struct sim_broker *broker, const struct sim_word *word)
{
    broker->words = sim_grow(broker->words, broker->word_count, &broker->word_cap, sizeof *broker->words);
    broker->words[broker->word_count] = *word;
    return broker->word_count++;
}

// An acknowledgement of a time that is over, or of a journal that is not this one.
static void another_word(struct sim *sim, int64_t after_ms)
{
    struct sim_broker *broker = sim->broker;
    size_t number = (size_t)sim_below(sim, broker->word_count);
    if (sim_chance(sim, 500) || !broker->words[number].is_ack) {
        struct sim_word word = {
            .is_ack = true, .number = sim_below(sim, 400), .has_head = sim_chance(sim, 500)};
        memcpy(word.epoch, "99999999-2222-4333-8444-555555555555", sizeof word.epoch);
        word.session =
            broker->states[broker->state_count - 1].session; // there was one: the centre has spoken
        number = add_word(broker, &word);
    }
    after_ms += sim_between(sim, 1, 5000);
    sim_plan(sim, after_ms, word_arrived, (struct sim_note){.a = ANY_LINE, .b = number});
}

// What is said twice, or late, comes after what was said before it: one line of MQTT does not reorder.
void sim_broker_word(struct sim *sim, const struct sim_word *word)
{
    struct sim_broker *broker = sim->broker;
    const struct sim_weather *weather = &sim->weather;
    bool late = word->is_ack && sim_chance(sim, weather->word_late_pm);
    uint64_t number = add_word(broker, word);
    int64_t after_ms = in_order(sim, &broker->down_at);
    if (broker->is == UP && !late) { // also before the centre has heard of this line
        sim_plan(sim, after_ms, word_arrived, (struct sim_note){.a = broker->line, .b = number});
    }
    if (late || sim_chance(sim, weather->word_twice_pm)) {
        after_ms += sim_between(sim, 1, late ? 60000 : 3000);
        sim_plan(sim, after_ms, word_arrived, (struct sim_note){.a = ANY_LINE, .b = number});
    }
    if (sim_chance(sim, weather->word_other_pm)) {
        another_word(sim, after_ms);
    }
}

// ---- life ----

struct sim_broker *sim_broker_new(void)
{
    struct sim_broker *broker = sim_have(calloc(1, sizeof *broker));
    return broker;
}

void sim_broker_free(struct sim_broker *broker)
{
    if (broker != NULL) {
        free(broker->states);
        free(broker->words);
        free(broker);
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/boot.h"

#include <string.h>

#include "tillwire/err.h"
#include "tillwire/tap_link.h"

#define SEQUENCE_MAX 0xffffffu
#define NOWHERE      UINT32_MAX

enum { CRC_AT = TW_BOOT_RECORD - 4, PAYLOAD_AT = 4 };

_Static_assert(PAYLOAD_AT + TW_BOOT_PAYLOAD == CRC_AT, "a record is head, payload, CRC");

// ---- records

struct record {
    uint32_t sequence; // 0: no good record
    uint32_t kind;     // 0-based
};

static uint32_t place_count(const struct tw_nvm *nvm)
{
    return nvm->page_bytes / TW_BOOT_RECORD;
}

static uint32_t address_of(const struct tw_nvm *nvm, uint32_t page, uint32_t place)
{
    return nvm->page_at[page] + place * TW_BOOT_RECORD;
}

static bool is_erased(const uint8_t *bytes)
{
    for (size_t i = 0; i < TW_BOOT_RECORD; i++) {
        if (bytes[i] != 0xff) {
            return false;
        }
    }
    return true;
}

static struct record parse(const uint8_t *bytes)
{
    struct record none = {0, 0};
    uint32_t head = (uint32_t)tw_link_get(bytes, 4);
    uint32_t kind = head & 0xffu;
    if (kind < 1 || kind > TW_BOOT_KINDS ||
        tw_link_crc32(0, bytes, CRC_AT) != (uint32_t)tw_link_get(&bytes[CRC_AT], 4)) {
        return none;
    }
    return (struct record){head >> 8, kind - 1};
}

static void build(uint8_t *bytes, uint32_t sequence, uint32_t kind, const uint8_t *payload)
{
    tw_link_put(bytes, (sequence << 8) | (kind + 1), 4);
    (void)memcpy(&bytes[PAYLOAD_AT], payload, TW_BOOT_PAYLOAD);
    tw_link_put(&bytes[CRC_AT], tw_link_crc32(0, bytes, CRC_AT), 4);
}

// ---- opening

struct page_facts {
    uint32_t newest; // sequence of its newest good record
    uint32_t good;   // good records
    uint32_t used;   // places up to the last that is not erased
};

static struct page_facts survey(const struct tw_nvm *nvm, uint32_t page)
{
    struct page_facts facts = {0, 0, 0};
    for (uint32_t place = 0; place < place_count(nvm); place++) {
        const uint8_t *bytes = &nvm->bytes[address_of(nvm, page, place)];
        if (is_erased(bytes)) {
            continue;
        }
        facts.used = place + 1;
        struct record record = parse(bytes);
        facts.good += record.sequence > 0 ? 1 : 0;
        facts.newest = record.sequence > facts.newest ? record.sequence : facts.newest;
    }
    return facts;
}

// Equal: a change of pages was cut short, and the newest record is already copied. The old page
// still has the newest of every kind, the new one only copies of some of them.
static uint32_t page_in_use(const struct page_facts facts[2])
{
    if (facts[0].newest != facts[1].newest) {
        return facts[1].newest > facts[0].newest ? 1 : 0;
    }
    return facts[1].good > facts[0].good ? 1 : 0;
}

static void collect(struct tw_boot_log *log, uint32_t page)
{
    for (uint32_t place = 0; place < place_count(log->nvm); place++) {
        uint32_t at = address_of(log->nvm, page, place);
        struct record record = parse(&log->nvm->bytes[at]);
        if (record.sequence == 0) {
            continue;
        }
        uint32_t known = log->newest[record.kind];
        if (known == NOWHERE || record.sequence > parse(&log->nvm->bytes[known]).sequence) {
            log->newest[record.kind] = at;
        }
    }
}

void tw_boot_log_open(struct tw_boot_log *log, const struct tw_nvm *nvm)
{
    struct page_facts facts[2];
    facts[0] = survey(nvm, 0);
    facts[1] = survey(nvm, 1);
    log->nvm = nvm;
    log->page = page_in_use(facts);
    log->sequence = facts[log->page].newest;
    log->used = facts[log->page].used;
    for (uint32_t kind = 0; kind < TW_BOOT_KINDS; kind++) {
        log->newest[kind] = NOWHERE;
    }
    collect(log, 0);
    collect(log, 1);
}

const uint8_t *tw_boot_log_read(const struct tw_boot_log *log, enum tw_boot_kind kind)
{
    uint32_t at = log->newest[kind - 1];
    return at == NOWHERE ? NULL : &log->nvm->bytes[at + PAYLOAD_AT];
}

// ---- appending

// Writes at the first free place from `used` on that takes it, and counts it. Returns where, or NOWHERE.
static uint32_t put(const struct tw_nvm *nvm, uint32_t page, uint32_t *used, const uint8_t *bytes)
{
    while (*used < place_count(nvm)) {
        uint32_t at = address_of(nvm, page, *used);
        *used += 1;
        if (nvm->write(nvm->port, at, bytes, TW_BOOT_RECORD) == 0 &&
            memcmp(&nvm->bytes[at], bytes, TW_BOOT_RECORD) == 0) {
            return at;
        }
    }
    return NOWHERE;
}

// The page is full: on with the other one. The new record goes last; with it the new page counts.
static int change_page(struct tw_boot_log *log, uint32_t kind, const uint8_t *bytes)
{
    const struct tw_nvm *nvm = log->nvm;
    uint8_t kept[TW_BOOT_KINDS][TW_BOOT_RECORD];
    uint32_t newest[TW_BOOT_KINDS];
    uint32_t page = 1 - log->page;
    uint32_t used = 0;
    for (uint32_t i = 0; i < TW_BOOT_KINDS; i++) {
        newest[i] = log->newest[i];
        if (newest[i] != NOWHERE) {
            (void)memcpy(kept[i], &nvm->bytes[newest[i]], TW_BOOT_RECORD);
        }
    }
    (void)memcpy(kept[kind], bytes, TW_BOOT_RECORD);
    if (nvm->erase(nvm->port, nvm->page_at[page], nvm->page_bytes) != 0) {
        return TW_ERR_IO;
    }
    for (uint32_t i = 1; i <= TW_BOOT_KINDS; i++) {
        uint32_t next = (kind + i) % TW_BOOT_KINDS;
        if (next != kind && newest[next] == NOWHERE) {
            continue;
        }
        newest[next] = put(nvm, page, &used, kept[next]);
        if (newest[next] == NOWHERE) {
            return TW_ERR_IO;
        }
    }
    log->page = page;
    log->used = used;
    (void)memcpy(log->newest, newest, sizeof newest);
    return TW_OK;
}

int tw_boot_log_append(struct tw_boot_log *log, enum tw_boot_kind kind,
                       const uint8_t payload[TW_BOOT_PAYLOAD])
{
    const uint8_t *known = tw_boot_log_read(log, kind);
    if (known != NULL && memcmp(known, payload, TW_BOOT_PAYLOAD) == 0) {
        return TW_OK;
    }
    if (log->sequence == SEQUENCE_MAX) {
        return TW_ERR_IO;
    }
    uint8_t bytes[TW_BOOT_RECORD];
    uint32_t index = (uint32_t)kind - 1;
    build(bytes, log->sequence + 1, index, payload);
    uint32_t at = put(log->nvm, log->page, &log->used, bytes);
    int code = TW_OK;
    if (at != NOWHERE) {
        log->newest[index] = at;
    } else {
        code = change_page(log, index, bytes);
    }
    log->sequence += code == TW_OK ? 1 : 0;
    return code;
}

// ---- the state

static uint8_t slot_or_none(uint8_t slot)
{
    return slot == TW_IMAGE_SLOT_A || slot == TW_IMAGE_SLOT_B ? slot : (uint8_t)TW_IMAGE_SLOT_NONE;
}

static uint8_t other_of(uint8_t slot)
{
    return slot == TW_IMAGE_SLOT_A ? (uint8_t)TW_IMAGE_SLOT_B : (uint8_t)TW_IMAGE_SLOT_A;
}

void tw_boot_state_read(const struct tw_boot_log *log, struct tw_boot_state *state)
{
    static const uint8_t blank[TW_BOOT_PAYLOAD] = {0};
    const uint8_t *payload = tw_boot_log_read(log, TW_BOOT_STATE);
    payload = payload != NULL ? payload : blank;
    state->confirmed = slot_or_none(payload[0]);
    state->trial = slot_or_none(payload[1]);
    state->tries = payload[2] < TW_BOOT_TRIES ? payload[2] : TW_BOOT_TRIES;
    state->fault = payload[3];
    state->fault_slot = slot_or_none(payload[4]);
    state->floor = (uint32_t)tw_link_get(&payload[8], 4);
    state->rescue_floor = (uint32_t)tw_link_get(&payload[12], 4);
    if (state->trial == state->confirmed) {
        state->trial = TW_IMAGE_SLOT_NONE;
    }
}

int tw_boot_state_write(struct tw_boot_log *log, const struct tw_boot_state *state)
{
    uint8_t payload[TW_BOOT_PAYLOAD] = {0};
    payload[0] = state->confirmed;
    payload[1] = state->trial;
    payload[2] = state->tries;
    payload[3] = state->fault;
    payload[4] = state->fault_slot;
    tw_link_put(&payload[8], state->floor, 4);
    tw_link_put(&payload[12], state->rescue_floor, 4);
    return tw_boot_log_append(log, TW_BOOT_STATE, payload);
}

// ---- what the loader decides

static void end_trial(struct tw_boot_state *state)
{
    state->trial = TW_IMAGE_SLOT_NONE;
    state->tries = 0;
}

static void refuse(struct tw_boot_state *state, uint8_t slot, enum tw_image_fault fault)
{
    state->fault = (uint8_t)fault;
    state->fault_slot = slot;
    if (slot == state->trial) {
        end_trial(state);
    }
}

// Charges the trial for this start, or ends it. One that cannot be charged might never end: none then.
static void charge(struct tw_boot_log *log, struct tw_boot_state *state)
{
    if (state->trial == TW_IMAGE_SLOT_NONE) {
        return;
    }
    if (state->tries == 0) {
        refuse(state, state->trial, TW_IMAGE_NOT_HEALTHY);
    } else {
        state->tries--;
    }
    if (tw_boot_state_write(log, state) != TW_OK && state->trial != TW_IMAGE_SLOT_NONE) {
        refuse(state, state->trial, TW_IMAGE_NOT_HEALTHY);
    }
}

// With none confirmed, an image that had its tries and failed is good by its looks for ever: the other slot
// first.
static uint8_t first_choice(const struct tw_boot_state *state)
{
    if (state->trial != TW_IMAGE_SLOT_NONE) {
        return state->trial;
    }
    if (state->confirmed != TW_IMAGE_SLOT_NONE) {
        return state->confirmed;
    }
    return state->fault == TW_IMAGE_NOT_HEALTHY ? other_of(state->fault_slot) : (uint8_t)TW_IMAGE_SLOT_A;
}

uint8_t tw_boot_choose(struct tw_boot_log *log, tw_boot_check *check, void *context)
{
    struct tw_boot_state state;
    tw_boot_state_read(log, &state);
    charge(log, &state);
    uint8_t first = first_choice(&state);
    enum tw_image_fault fault =
        check(context, first, first == state.trial ? state.floor : state.rescue_floor);
    if (fault == TW_IMAGE_GOOD) {
        return first;
    }
    // It is good to know why, and nothing depends on it. The second choice is not recorded: a board
    // without any good image restarts for ever, and must not wear its log out by it.
    refuse(&state, first, fault);
    (void)tw_boot_state_write(log, &state);
    uint8_t second = other_of(first);
    fault = check(context, second, state.rescue_floor);
    return fault == TW_IMAGE_GOOD ? second : (uint8_t)TW_IMAGE_SLOT_NONE;
}

// ---- what the running image decides

bool tw_boot_may_update(const struct tw_boot_state *state, uint8_t running)
{
    return state->trial != running;
}

void tw_boot_rely(struct tw_boot_state *state, uint8_t running)
{
    state->confirmed = running;
}

void tw_boot_try(struct tw_boot_state *state, uint8_t slot)
{
    state->trial = slot;
    state->tries = TW_BOOT_TRIES;
    state->fault = TW_IMAGE_GOOD;
    state->fault_slot = TW_IMAGE_SLOT_NONE;
}

void tw_boot_confirm(struct tw_boot_state *state, uint8_t running, uint32_t version)
{
    if (state->trial == running) {
        end_trial(state);
    }
    state->confirmed = running;
    if (version > state->floor) {
        state->rescue_floor = state->floor;
        state->floor = version;
    }
}

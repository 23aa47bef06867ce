// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/updater.h"

#include <string.h>

_Static_assert(sizeof(struct tw_updater) <= 96, "the board has 64 KiB for everything");

void tw_updater_init(struct tw_updater *updater, const struct tw_updater_port *port)
{
    (void)memset(updater, 0, sizeof *updater);
    updater->port = *port;
}

static uint8_t target_of(const struct tw_updater *updater)
{
    return updater->port.running == TW_IMAGE_SLOT_A ? (uint8_t)TW_IMAGE_SLOT_B : (uint8_t)TW_IMAGE_SLOT_A;
}

static uint32_t target_at(const struct tw_updater *updater)
{
    return updater->port.nvm->slot_at[target_of(updater) - TW_IMAGE_SLOT_A];
}

static struct tw_image_place target_place(const struct tw_updater *updater, const struct tw_boot_state *boot)
{
    return (struct tw_image_place){.board = updater->port.board,
                                   .slot = target_of(updater),
                                   .slot_bytes = updater->port.nvm->slot_bytes,
                                   .floor = boot->floor};
}

// ---- what a frame leads to: each returns why it failed, 0 when it did not

static uint8_t none(struct tw_updater *updater, const struct tw_link_frame *frame)
{
    (void)updater;
    (void)frame;
    return 0;
}

// A slot is erased only for an image that can be taken.
static uint8_t refuse(const struct tw_updater *updater, const struct tw_boot_state *boot, uint32_t board)
{
    struct tw_image_place place = target_place(updater, boot);
    if (!tw_boot_may_update(boot, updater->port.running)) {
        return TW_UPDATE_ON_TRIAL;
    }
    if (board != place.board) {
        return TW_IMAGE_WRONG_BOARD;
    }
    if (updater->length <= TW_IMAGE_HEADER || updater->length > place.slot_bytes) {
        return TW_IMAGE_WRONG_LENGTH;
    }
    return updater->version < place.floor ? (uint8_t)TW_IMAGE_TOO_OLD : 0;
}

static uint8_t begin(struct tw_updater *updater, const struct tw_link_frame *frame)
{
    const struct tw_nvm *nvm = updater->port.nvm;
    struct tw_boot_state boot;
    tw_boot_state_read(updater->port.log, &boot);
    updater->length = (uint32_t)tw_link_get(frame->payload, 4);
    updater->version = (uint32_t)tw_link_get(&frame->payload[4], 4);
    updater->state.offset = 0;
    uint8_t reason = refuse(updater, &boot, (uint32_t)tw_link_get(&frame->payload[8], 4));
    tw_boot_rely(&boot, updater->port.running);
    if (reason == 0 && tw_boot_state_write(updater->port.log, &boot) != 0) {
        reason = TW_UPDATE_STORAGE;
    }
    if (reason == 0 && nvm->erase(nvm->port, target_at(updater), nvm->slot_bytes) != 0) {
        reason = TW_UPDATE_STORAGE;
    }
    return reason;
}

static uint8_t store(struct tw_updater *updater, const struct tw_link_frame *frame)
{
    const struct tw_nvm *nvm = updater->port.nvm;
    const uint8_t *bytes = &frame->payload[TW_LINK_UPDATE_DATA_HEAD_BYTES];
    size_t len = frame->len - TW_LINK_UPDATE_DATA_HEAD_BYTES;
    uint32_t at = target_at(updater) + updater->state.offset;
    if (len > updater->length - updater->state.offset) {
        return TW_UPDATE_OTHER;
    }
    if (nvm->write(nvm->port, at, bytes, len) != 0 || memcmp(&nvm->bytes[at], bytes, len) != 0) {
        return TW_UPDATE_STORAGE;
    }
    updater->state.offset += (uint32_t)len;
    return 0;
}

static uint8_t check(struct tw_updater *updater, const struct tw_link_frame *frame)
{
    (void)frame;
    struct tw_boot_state boot;
    tw_boot_state_read(updater->port.log, &boot);
    const struct tw_image_place place = target_place(updater, &boot);
    const uint8_t *bytes = &updater->port.nvm->bytes[target_at(updater)];
    struct tw_image image;
    enum tw_image_fault fault = tw_image_check_header(bytes, &place, &image);
    if (fault != TW_IMAGE_GOOD) {
        return (uint8_t)fault;
    }
    if (image.length_bytes != updater->length || image.version != updater->version) {
        return TW_UPDATE_OTHER;
    }
    fault = tw_image_check_body(bytes, &image, updater->port.hash);
    if (fault != TW_IMAGE_GOOD) {
        return (uint8_t)fault;
    }
    tw_boot_try(&boot, target_of(updater));
    return tw_boot_state_write(updater->port.log, &boot) == 0 ? 0 : (uint8_t)TW_UPDATE_STORAGE;
}

// ---- the state machine

// BEGIN_SAME: the answer to BEGIN was lost; what is erased is not erased again. DATA_ELSE: not what is needed
// next, and END_EARLY: not all is there; the answer says what is needed.
enum event { BEGIN, BEGIN_SAME, DATA_DUE, DATA_ELSE, END, END_EARLY, EVENTS };

struct transition {
    uint8_t (*action)(struct tw_updater *updater, const struct tw_link_frame *frame);
    enum tw_update_state next; // unless the action failed
};

static const struct transition transitions[4][EVENTS] = {
    [TW_UPDATE_IDLE] =
        {
            [BEGIN] = {begin, TW_UPDATE_RECEIVING},
            [BEGIN_SAME] = {begin, TW_UPDATE_RECEIVING},
            [DATA_DUE] = {none, TW_UPDATE_IDLE},
            [DATA_ELSE] = {none, TW_UPDATE_IDLE},
            [END] = {none, TW_UPDATE_IDLE},
            [END_EARLY] = {none, TW_UPDATE_IDLE},
        },
    [TW_UPDATE_RECEIVING] =
        {
            [BEGIN] = {begin, TW_UPDATE_RECEIVING},
            [BEGIN_SAME] = {none, TW_UPDATE_RECEIVING},
            [DATA_DUE] = {store, TW_UPDATE_RECEIVING},
            [DATA_ELSE] = {none, TW_UPDATE_RECEIVING},
            [END] = {check, TW_UPDATE_CHECKED},
            [END_EARLY] = {none, TW_UPDATE_RECEIVING},
        },
    [TW_UPDATE_CHECKED] =
        {
            [BEGIN] = {none, TW_UPDATE_CHECKED},
            [BEGIN_SAME] = {none, TW_UPDATE_CHECKED},
            [DATA_DUE] = {none, TW_UPDATE_CHECKED},
            [DATA_ELSE] = {none, TW_UPDATE_CHECKED},
            [END] = {none, TW_UPDATE_CHECKED},
            [END_EARLY] = {none, TW_UPDATE_CHECKED},
        },
    [TW_UPDATE_FAILED] =
        {
            [BEGIN] = {begin, TW_UPDATE_RECEIVING},
            [BEGIN_SAME] = {begin, TW_UPDATE_RECEIVING},
            [DATA_DUE] = {none, TW_UPDATE_FAILED},
            [DATA_ELSE] = {none, TW_UPDATE_FAILED},
            [END] = {none, TW_UPDATE_FAILED},
            [END_EARLY] = {none, TW_UPDATE_FAILED},
        },
};

static enum event classify(const struct tw_updater *updater, const struct tw_link_frame *frame)
{
    if (frame->type == TW_LINK_UPDATE_BEGIN) {
        bool same = updater->state.offset == 0 && updater->length == tw_link_get(frame->payload, 4) &&
                    updater->version == tw_link_get(&frame->payload[4], 4) &&
                    updater->port.board == tw_link_get(&frame->payload[8], 4);
        return same ? BEGIN_SAME : BEGIN;
    }
    if (frame->type == TW_LINK_UPDATE_DATA) {
        return tw_link_get(frame->payload, 4) == updater->state.offset ? DATA_DUE : DATA_ELSE;
    }
    return updater->state.offset == updater->length ? END : END_EARLY;
}

struct tw_link_update tw_updater_take(struct tw_updater *updater, const struct tw_link_frame *frame,
                                      uint64_t now_us)
{
    const struct transition *transition = &transitions[updater->state.state][classify(updater, frame)];
    bool was_checked = updater->state.state == TW_UPDATE_CHECKED;
    uint8_t reason = transition->action(updater, frame);
    updater->state.state = (uint8_t)(reason == 0 ? transition->next : TW_UPDATE_FAILED);
    updater->state.reason = reason != 0 || transition->action != none ? reason : updater->state.reason;
    if (updater->state.state == TW_UPDATE_CHECKED && !was_checked) {
        updater->checked_us = now_us;
    }
    return updater->state;
}

// ---- restarting, and living on

bool tw_updater_wants_restart(const struct tw_updater *updater, bool silent, bool safe, uint64_t now_us)
{
    uint64_t since_us = now_us - updater->checked_us;
    return updater->state.state == TW_UPDATE_CHECKED && silent && since_us >= TW_UPDATER_QUIET_US &&
           (safe || since_us >= TW_UPDATER_PATIENCE_US);
}

static bool running_image(const struct tw_updater *updater, struct tw_image *image)
{
    const struct tw_nvm *nvm = updater->port.nvm;
    return tw_image_parse(&nvm->bytes[nvm->slot_at[updater->port.running - TW_IMAGE_SLOT_A]], image) ==
           TW_IMAGE_GOOD;
}

// A record that the flash does not take is not tried again and again: the next start tries once more.
void tw_updater_tick(struct tw_updater *updater, bool met, uint64_t up_us)
{
    struct tw_image image;
    struct tw_boot_state boot;
    if (updater->settled || !met || up_us < updater->port.healthy_us) {
        return;
    }
    updater->settled = true;
    tw_boot_state_read(updater->port.log, &boot);
    if (running_image(updater, &image)) {
        tw_boot_confirm(&boot, updater->port.running, image.version);
        (void)tw_boot_state_write(updater->port.log, &boot);
    }
}

static uint8_t trial_of(const struct tw_updater *updater)
{
    struct tw_boot_state boot;
    tw_boot_state_read(updater->port.log, &boot);
    if (boot.trial == updater->port.running) {
        return TW_LINK_ON_TRIAL;
    }
    return boot.fault != TW_IMAGE_GOOD ? TW_LINK_REVERTED : TW_LINK_CONFIRMED;
}

void tw_updater_info(const struct tw_updater *updater, struct tw_link_info *info)
{
    struct tw_image image = {.version = 0};
    (void)running_image(updater, &image);
    info->firmware = image.version;
    info->board = updater->port.board;
    info->slot = updater->port.running;
    info->state = trial_of(updater);
}

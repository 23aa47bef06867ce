// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/tap/sender.h"

#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MS = 2000, // a frame of 1 KiB at 9600 baud takes 1.1 s
    ERASE_MS = 8000,  // UPDATE_BEGIN: a sector of 128 KiB takes up to 4 s (DS8626, table 39)
    ANEW_MOST = 5,    // beginnings after the first
    SENT_MOST = 60,   // without an answer: two to eight minutes
};

const char *tw_tap_update_word(enum tw_tap_update_state state)
{
    static const char *const words[] = {
#define X(symbol, word) word,
        TW_TAP_UPDATES(X)
#undef X
    };
    return words[state];
}

// ---- ends

static void forget_image(struct tw_tap_sender *sender)
{
    free(sender->image);
    sender->image = NULL;
    sender->due_ms = INT64_MAX;
}

static void end(struct tw_tap_sender *sender, enum tw_tap_update_state state, const char *why)
{
    forget_image(sender);
    sender->report->state = state;
    sender->report->why = NULL;
    if (why != NULL) {
        (void)tw_fail(&sender->why, TW_ERR_REFUSED, "%s", why);
        sender->report->why = sender->why.text;
    }
}

static const char *sentence(uint8_t reason)
{
    static const struct {
        uint8_t reason;
        const char *sentence;
    } sentences[] = {
        {TW_IMAGE_NO_HEADER, "the board finds no image in what it was sent; get the update file again"},
        {TW_IMAGE_WRONG_BOARD, "the image is for another board; use the update file of this one"},
        {TW_IMAGE_WRONG_SLOT, "the image is for the place that runs; try again"},
        {TW_IMAGE_WRONG_LENGTH, "the image does not fit the board; use the update file of this board"},
        {TW_IMAGE_TOO_OLD, "the image is older than what this board has run; boards never go back"},
        {TW_IMAGE_BAD_SIGNATURE,
         "the image is not signed with this board's key; use the update file of whoever supplied the board"},
        {TW_IMAGE_BAD_HASH, "the image is damaged; get the update file again"},
        {TW_IMAGE_NOT_HEALTHY, "the new firmware did not run for a healthy minute"},
        {TW_UPDATE_NOT_HERE, "this tap is a relay, which is updated with the package it came in"},
        {TW_UPDATE_OTHER, "the image is not the one that was announced; get the update file again"},
        {TW_UPDATE_STORAGE, "the board's memory does not take it; have the board replaced"},
        {TW_UPDATE_ON_TRIAL, "the board has yet to confirm the update before; try again in two minutes"},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (sentences[i].reason == reason) {
            return sentences[i].sentence;
        }
    }
    return "the board refuses it for a reason this version does not know; update tillwire first";
}

// ---- sending

static void send_now(struct tw_tap_sender *sender, int64_t now_ms)
{
    sender->due_ms = sender->image != NULL ? now_ms : INT64_MAX;
}

static void begin_anew(struct tw_tap_sender *sender, int64_t now_ms)
{
    if (sender->anew++ == ANEW_MOST) {
        end(sender, TW_TAP_UPDATE_FAILED, "the board forgot the update again and again; check its power");
        return;
    }
    sender->begun = false;
    sender->at = 0;
    sender->report->sent_bytes = 0;
    sender->report->state = TW_TAP_UPDATE_SENDING;
    send_now(sender, now_ms);
}

// One frame is under way at a time. What answers an earlier one of the same place, sent twice, leads to no
// further one.
static void go_on(struct tw_tap_sender *sender, uint32_t offset, int64_t now_ms)
{
    if (sender->begun && offset == sender->at && now_ms < sender->due_ms) {
        return;
    }
    if (offset > sender->report->length_bytes) {
        begin_anew(sender, now_ms); // of another image than ours
        return;
    }
    sender->begun = true;
    sender->at = offset;
    sender->report->sent_bytes = offset;
    sender->report->state =
        offset < sender->report->length_bytes ? TW_TAP_UPDATE_SENDING : TW_TAP_UPDATE_CHECKING;
    send_now(sender, now_ms);
}

void tw_tap_sender_answered(struct tw_tap_sender *sender, const struct tw_link_update *answer, int64_t now_ms)
{
    if (sender->image == NULL) {
        return;
    }
    sender->unanswered = 0;
    switch (answer->state) {
    case TW_UPDATE_RECEIVING:
        if (sender->begun || answer->offset == 0) { // else of an earlier update
            go_on(sender, answer->offset, now_ms);
        }
        break;
    case TW_UPDATE_CHECKED:
        if (sender->begun) { // else of an earlier update
            end(sender, TW_TAP_UPDATE_RESTARTING, NULL);
        }
        break;
    case TW_UPDATE_FAILED:
        end(sender, TW_TAP_UPDATE_FAILED, sentence(answer->reason));
        break;
    default:
        if (sender->begun) { // it started anew
            begin_anew(sender, now_ms);
        }
        break;
    }
}

// The board came back, or says how the trial goes.
static void judge(struct tw_tap_sender *sender, const struct tw_link_info *info)
{
    const struct tw_tap_update *report = sender->report;
    if (info->slot == report->slot && info->firmware != report->version) {
        end(sender, TW_TAP_UPDATE_FAILED, "another image, sent before, runs now; send it again");
    } else if (info->slot == report->slot) {
        end(sender, info->state == TW_LINK_ON_TRIAL ? TW_TAP_UPDATE_TRIAL : TW_TAP_UPDATE_CONFIRMED, NULL);
    } else {
        end(sender, TW_TAP_UPDATE_REVERTED,
            "the new firmware did not start, or not run for a healthy minute; the earlier one runs again");
    }
}

void tw_tap_sender_informed(struct tw_tap_sender *sender, const struct tw_link_info *info, bool new_boot,
                            int64_t now_ms)
{
    const struct tw_tap_update *report = sender->report;
    if (report->state == TW_TAP_UPDATE_TRIAL) {
        judge(sender, info);
    } else if (!new_boot) {
        return;
    } else if (report->state == TW_TAP_UPDATE_RESTARTING) {
        judge(sender, info);
    } else if (report->state == TW_TAP_UPDATE_CHECKING &&
               (info->slot == report->slot || info->state == TW_LINK_REVERTED)) {
        judge(sender, info); // its answer was lost
    } else if (sender->image != NULL) {
        begin_anew(sender, now_ms);
    }
}

void tw_tap_sender_line_up(struct tw_tap_sender *sender, int64_t now_ms)
{
    send_now(sender, now_ms);
}

int64_t tw_tap_sender_deadline(const struct tw_tap_sender *sender)
{
    return sender->due_ms;
}

size_t tw_tap_sender_frame(struct tw_tap_sender *sender, int64_t now_ms, uint8_t out[TW_TAP_SENDER_MAX_FRAME],
                           uint8_t *type)
{
    const struct tw_tap_update *report = sender->report;
    *type = 0;
    if (sender->image == NULL || now_ms < sender->due_ms) {
        return 0;
    }
    if (sender->unanswered++ == SENT_MOST) {
        end(sender, TW_TAP_UPDATE_FAILED,
            "the board does not answer; check its power and line, then send it again");
        return 0;
    }
    if (!sender->begun) {
        sender->due_ms = now_ms + ERASE_MS;
        *type = TW_LINK_UPDATE_BEGIN;
        tw_link_put(out, report->length_bytes, 4);
        tw_link_put(out + 4, report->version, 4);
        tw_link_put(out + 8, sender->board, 4);
        return TW_LINK_UPDATE_BEGIN_BYTES;
    }
    sender->due_ms = now_ms + ANSWER_MS;
    if (sender->at == report->length_bytes) {
        *type = TW_LINK_UPDATE_END;
        return 0;
    }
    size_t len = report->length_bytes - sender->at;
    len = len < TW_LINK_MAX_DATA ? len : TW_LINK_MAX_DATA;
    *type = TW_LINK_UPDATE_DATA;
    tw_link_put(out, sender->at, 4);
    memcpy(out + TW_LINK_UPDATE_DATA_HEAD_BYTES, sender->image + sender->at, len);
    return TW_LINK_UPDATE_DATA_HEAD_BYTES + len;
}

// ---- life

void tw_tap_sender_init(struct tw_tap_sender *sender, struct tw_tap_update *report)
{
    *sender = (struct tw_tap_sender){.report = report, .due_ms = INT64_MAX};
    *report = (struct tw_tap_update){.state = TW_TAP_UPDATE_NONE};
}

void tw_tap_sender_free(struct tw_tap_sender *sender)
{
    forget_image(sender);
}

int tw_tap_sender_begin(struct tw_tap_sender *sender, const struct tw_image *image, struct tw_slice bytes)
{
    uint8_t *copy = malloc(bytes.len);
    if (copy == NULL) {
        return TW_ERR_NOMEM;
    }
    memcpy(copy, bytes.ptr, bytes.len);
    forget_image(sender);
    sender->image = copy;
    sender->board = image->board;
    sender->at = 0;
    sender->begun = false;
    sender->anew = sender->unanswered = 0;
    sender->due_ms = 0;
    *sender->report = (struct tw_tap_update){.state = TW_TAP_UPDATE_SENDING,
                                             .version = image->version,
                                             .slot = (uint8_t)image->slot,
                                             .length_bytes = (uint32_t)bytes.len};
    return TW_OK;
}

// ---- the file

static int bad_file(struct tw_error_text *err, const char *what)
{
    return tw_fail(err, TW_ERR_INVALID, "not an update file for taps: %s; get the .twtap file again", what);
}

// The image at `at`, which moves behind it.
static int next_image(struct tw_slice file, size_t *at, struct tw_image *image, struct tw_slice *bytes,
                      struct tw_error_text *err)
{
    size_t rest = file.len - *at;
    uint32_t len = rest >= 4 ? (uint32_t)tw_link_get(file.ptr + *at, 4) : 0;
    if (rest < 4 || len > rest - 4) {
        return bad_file(err, "it ends too early");
    }
    *bytes = tw_slice_make(file.ptr + *at + 4, len);
    *at += 4 + len;
    if (len < TW_IMAGE_HEADER || len > TW_IMAGE_MAX || tw_image_parse(bytes->ptr, image) != TW_IMAGE_GOOD ||
        image->length_bytes != len) {
        return bad_file(err, "an image in it is damaged");
    }
    return TW_OK;
}

int tw_tap_sender_pick(struct tw_slice file, uint32_t board, uint8_t running_slot, struct tw_image *image,
                       struct tw_slice *bytes, struct tw_error_text *err)
{
    size_t magic = sizeof TW_IMAGE_FILE_MAGIC - 1;
    if (file.len < magic + 4 || memcmp(file.ptr, TW_IMAGE_FILE_MAGIC, magic) != 0) {
        return bad_file(err, "it does not begin like one");
    }
    uint32_t count = (uint32_t)tw_link_get(file.ptr + magic, 4);
    size_t at = magic + 4;
    bool of_board = false;
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        struct tw_image each = {0};
        struct tw_slice each_bytes = {0};
        int rc = next_image(file, &at, &each, &each_bytes, err);
        if (rc != TW_OK) {
            return rc;
        }
        of_board = of_board || each.board == board;
        if (!found && each.board == board && each.slot != running_slot) {
            found = true;
            *image = each;
            *bytes = each_bytes;
        }
    }
    if (at != file.len) {
        return bad_file(err, "something follows its last image");
    }
    if (!of_board) {
        return tw_fail(err, TW_ERR_MISMATCH,
                       "the update file is for another board; use the one of this board");
    }
    return found ? TW_OK : bad_file(err, "it lacks the image for the place that does not run");
}

// SPDX-License-Identifier: Apache-2.0
//
// All of a board's core at once. The input is a list of pieces (what, length, bytes): frames of the agent
// with good checks, noise on its line, bytes from till and scanner, time. Whatever comes: what is printed
// passes unchanged; DATA is what was printed at its offset, and with LOST has no hole; scans come in order or
// are named lost; the flash is written as flash can be, and never where the running image lies.
#include "firmware/core/pass.h"
#include "firmware/core/settings.h"
#include "firmware/core/updater.h"
#include "tests/fuzz/target.h"

enum { PAGE = 256, SLOT = 1024, MEMORY = 2 * PAGE + 2 * SLOT, SLOT_A = 2 * PAGE, SLOT_B = SLOT_A + SLOT };
enum { RING = 512, PASS = 64, SLOTS = 3, RUNNING = 0x77 };

struct board {
    uint8_t memory[MEMORY];
    struct tw_nvm nvm;
    struct tw_boot_log log;
    struct tw_settings settings;
    struct tw_updater updater;
    struct tw_pass pass;
    _Atomic uint8_t pass_ring[PASS];
    struct tw_tap tap;
    uint8_t ring[RING];
    struct tw_tap_record records[TW_TAP_MIN_RECORDS];
    struct tw_scans scans;
    struct tw_scan slots[SLOTS];
    uint64_t now_us;
    uint64_t put, taken; // between till and printer
    // The agent's end.
    struct tw_link_decoder decoder;
    uint8_t sequence;      // of its next frame
    uint8_t tap_sequence;  // of the tap's next
    bool first, streaming; // no frame was heard yet; STARTED was
    uint64_t at, scan;     // what comes next
};

static const uint8_t boot_id[16] = {7, 7, 7};

// What the till prints there.
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 167 >> 3 ^ offset);
}

// ---- the flash

static int erase(void *port, uint32_t at, uint32_t len)
{
    fuzz_require((len == PAGE && (at == 0 || at == PAGE)) || (len == SLOT && at == SLOT_B));
    memset(((struct board *)port)->memory + at, 0xff, len);
    return 0;
}

static int program(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    uint8_t *memory = ((struct board *)port)->memory + at;
    fuzz_require(at + len <= SLOT_A || (at >= SLOT_B && at + len <= MEMORY));
    for (size_t i = 0; i < len; i++) {
        fuzz_require(memory[i] == 0xff);
        memory[i] = bytes[i];
    }
    return 0;
}

static void hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH])
{
    memset(digest, 0, TW_IMAGE_HASH);
    tw_link_put(digest, tw_link_crc32(0, bytes, len), 4);
}

// ---- what the agent hears

static void hear_started(struct board *board, const struct tw_link_frame *frame)
{
    fuzz_require(frame->len == 9);
    board->streaming = true;
    board->at = tw_link_get(frame->payload, 8);
    board->scan = board->scans.acked + 1;
}

static void hear_data(struct board *board, const struct tw_link_frame *frame)
{
    fuzz_require(frame->len > 16 && tw_link_get(frame->payload, 8) == board->at);
    for (size_t i = 16; i < frame->len; i++) {
        fuzz_require(frame->payload[i] == byte_at(board->at++));
    }
}

static void hear_span(const struct tw_link_frame *frame, uint64_t *at)
{
    uint64_t to = tw_link_get(frame->payload + 8, 8);
    fuzz_require(frame->len == 16 && to > *at);
    *at = to;
}

static void hear_scan(struct board *board, const struct tw_link_frame *frame)
{
    fuzz_require(frame->len > TW_LINK_SCAN_HEAD_BYTES &&
                 frame->len <= TW_LINK_SCAN_HEAD_BYTES + TW_LINK_MAX_SCAN);
    fuzz_require(tw_link_get(frame->payload, 8) >= board->scan);
    fuzz_require(tw_link_get(frame->payload + 8, 8) <= board->at);
    fuzz_require(
        memchr(frame->payload + TW_LINK_SCAN_HEAD_BYTES, '\r', frame->len - TW_LINK_SCAN_HEAD_BYTES) == NULL);
    board->scan = tw_link_get(frame->payload, 8) + 1;
}

static void hear_info(const struct tw_link_frame *frame)
{
    struct tw_link_info info;
    fuzz_require(frame->len == TW_LINK_INFO_BYTES);
    tw_link_get_info(frame->payload, &info);
    fuzz_require(info.slot == TW_IMAGE_SLOT_A && tw_settings_good(&info.lines));
}

static void hear(struct board *board, const struct tw_link_frame *frame)
{
    fuzz_require(board->first || frame->sequence == board->tap_sequence);
    board->first = false;
    board->tap_sequence = (uint8_t)(frame->sequence + 1);
    switch (frame->type) {
    case TW_LINK_HELLO:
        board->streaming = false;
        break;
    case TW_LINK_STARTED:
        hear_started(board, frame);
        break;
    case TW_LINK_DATA:
        fuzz_require(board->streaming);
        hear_data(board, frame);
        break;
    case TW_LINK_MARK:
        fuzz_require(board->streaming && tw_link_get(frame->payload, 8) == board->at);
        break;
    case TW_LINK_LOST:
        fuzz_require(board->streaming && tw_link_get(frame->payload, 8) == board->at);
        hear_span(frame, &board->at);
        break;
    case TW_LINK_SCAN_LOST:
        fuzz_require(board->streaming);
        hear_span(frame, &board->scan);
        break;
    case TW_LINK_SCAN:
        fuzz_require(board->streaming);
        hear_scan(board, frame);
        break;
    case TW_LINK_INFO:
        hear_info(frame);
        break;
    default:
        fuzz_require(frame->type == TW_LINK_UPDATE_STATE && frame->len == TW_LINK_UPDATE_STATE_BYTES);
    }
}

static void listen(struct board *board)
{
    uint8_t out[700];
    size_t len = tw_tap_transmit(&board->tap, out, sizeof out);
    for (size_t i = 0; i < len; i++) {
        struct tw_link_frame frame;
        int outcome = tw_link_decode(&board->decoder, out[i], &frame);
        fuzz_require(outcome >= 0);
        if (outcome > 0) {
            hear(board, &frame);
        }
    }
}

// ---- the board

static void info(void *port, struct tw_link_info *out)
{
    struct board *board = port;
    tw_updater_info(&board->updater, out);
    out->lines = board->settings.now;
}

static bool configure(void *port, const struct tw_link_settings *wanted)
{
    return tw_settings_take(&((struct board *)port)->settings, wanted) == 0;
}

static struct tw_link_update update(void *port, const struct tw_link_frame *frame, uint64_t now_us)
{
    return tw_updater_take(&((struct board *)port)->updater, frame, now_us);
}

static bool apply(void *port, const struct tw_link_settings *settings)
{
    (void)port;
    fuzz_require(tw_settings_good(settings));
    return true;
}

static void start(struct board *board)
{
    static const struct tw_link_settings factory = {.till = {9600, 8, 0, 1, 0}};
    const struct tw_tap_memory memory = {board->ring, RING, board->records, TW_TAP_MIN_RECORDS};
    const struct tw_tap_board functions = {info, configure, update, board, &board->scans};
    const struct tw_settings_port lines = {apply, board};
    board->nvm =
        (struct tw_nvm){board->memory, {0, PAGE}, PAGE, {SLOT_A, SLOT_B}, SLOT, erase, program, board};
    const struct tw_updater_port port = {&board->nvm, &board->log, hash, 2, TW_IMAGE_SLOT_A, 1000000};
    memset(board->memory, 0xff, MEMORY);
    memset(board->memory + SLOT_A, RUNNING, SLOT);
    tw_boot_log_open(&board->log, &board->nvm);
    tw_settings_open(&board->settings, &board->log, &lines, &factory);
    tw_updater_init(&board->updater, &port);
    tw_pass_init(&board->pass, board->pass_ring, PASS, TW_PASS_COPIED);
    tw_tap_init(&board->tap, &memory, boot_id);
    tw_scans_init(&board->scans, board->slots, SLOTS);
    tw_tap_set_board(&board->tap, &functions);
    board->first = true;
    tw_tap_attach(&board->tap, 0);
}

// ---- what comes in

static void say(struct board *board, uint8_t type, const uint8_t *bytes, size_t len)
{
    uint8_t frame[TW_LINK_MAX_FRAME];
    size_t size = tw_link_encode(type, board->sequence++, bytes, len, frame);
    tw_tap_receive(&board->tap, frame, size);
}

// START as an agent means it, and credit.
static void ask(struct board *board, const uint8_t *bytes, size_t len)
{
    uint8_t payload[24];
    memcpy(payload, boot_id, sizeof boot_id);
    tw_link_put(payload + 16, len > 0 ? board->tap.next - bytes[0] % (board->tap.next + 1) : 0, 8);
    say(board, TW_LINK_START, payload, sizeof payload);
    tw_link_put(payload, 400, 4);
    say(board, TW_LINK_CREDIT, payload, 4);
}

// The piece of the image that is due.
static void update_on(struct board *board, const uint8_t *bytes, size_t len)
{
    uint8_t payload[TW_LINK_UPDATE_DATA_HEAD_BYTES + 255];
    tw_link_put(payload, board->updater.state.offset, 4);
    memcpy(payload + TW_LINK_UPDATE_DATA_HEAD_BYTES, bytes, len);
    say(board, TW_LINK_UPDATE_DATA, payload, TW_LINK_UPDATE_DATA_HEAD_BYTES + len);
}

// Each byte: how many the till sends and the printer takes, and whether the main loop comes round.
static void print(struct board *board, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        for (unsigned n = bytes[i] & 7; n > 0; n--) {
            board->put += tw_pass_put(&board->pass, byte_at(board->put));
        }
        uint8_t byte;
        for (unsigned n = bytes[i] >> 3 & 15; n > 0 && tw_pass_take(&board->pass, &byte); n--) {
            fuzz_require(byte == byte_at(board->taken++));
        }
        if ((bytes[i] & 0x80) != 0) {
            tw_pass_copy(&board->pass, &board->tap, board->now_us);
            fuzz_require(board->tap.next == board->taken);
        }
    }
}

static void scan(struct board *board, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        tw_scans_put(&board->scans, &board->tap, bytes[i], board->now_us);
    }
}

static void pass_time(struct board *board, uint64_t us)
{
    board->now_us += us;
    tw_scans_tick(&board->scans, &board->tap, board->now_us);
    tw_tap_tick(&board->tap, board->now_us);
    tw_updater_tick(&board->updater, board->tap.met, board->now_us);
    (void)tw_updater_wants_restart(&board->updater, true, tw_tap_is_safe(&board->tap), board->now_us);
}

static void happen(struct board *board, uint8_t what, const uint8_t *bytes, size_t len)
{
    switch (what >> 4) {
    case 8:
        tw_tap_receive(&board->tap, bytes, len);
        break;
    case 9:
        scan(board, bytes, len);
        break;
    case 10:
    case 11:
        print(board, bytes, len);
        break;
    case 12:
        pass_time(board, (uint64_t)(what & 15) * 20000 + (len > 0 ? (uint64_t)bytes[0] * 50000 : 0));
        break;
    case 13:
        ask(board, bytes, len);
        break;
    case 14:
        tw_tap_mark(&board->tap, (what & 1) != 0 ? TW_LINK_OPENED : TW_LINK_CLOSED, board->now_us);
        break;
    case 15:
        update_on(board, bytes, len);
        break;
    default:
        say(board, what & 31, bytes, len);
    }
}

static void check_books(const struct board *board)
{
    const struct tw_tap *tap = &board->tap;
    const struct tw_scans *scans = &board->scans;
    fuzz_require(tap->acked <= tap->first && tap->first <= tap->next && tap->next - tap->first <= RING);
    fuzz_require(tap->record_first <= tap->record_send && tap->record_send <= tap->record_next);
    fuzz_require(scans->acked < scans->first && scans->first <= scans->next);
    fuzz_require(scans->next - scans->first <= SLOTS && scans->send <= scans->next);
    fuzz_require(board->updater.state.offset <= SLOT);
    for (size_t i = 0; i < SLOT; i++) {
        fuzz_require(board->memory[SLOT_A + i] == RUNNING);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct board *board = calloc(1, sizeof *board);
    fuzz_require(board != NULL);
    start(board);
    while (size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        happen(board, data[0], data + 2, len);
        listen(board);
        check_books(board);
        data += 2 + len;
        size -= 2 + len;
    }
    free(board);
    return 0;
}

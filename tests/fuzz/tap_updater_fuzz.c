// SPDX-License-Identifier: Apache-2.0
//
// An update of any content, announced as anything, in any order of frames. The first byte says which fields
// of the image are put right, so that each check is reached with those before it passed. Only an image that
// is whole, announced as it is, for this board and slot, not too old, and of the right hash is ever put on
// trial; the boot log and the running image are untouched by all others.
#include "firmware/core/updater.h"
#include "tests/fuzz/target.h"

enum { PAGE = 256, SLOT = 1024, MEMORY = 2 * PAGE + 2 * SLOT, SLOT_A = 2 * PAGE, SLOT_B = SLOT_A + SLOT };
enum { BOARD = 1, FLOOR = 5, RUNNING = 0x77 };
enum {
    RIGHT_MAGIC = 1,
    RIGHT_BOARD = 2,
    RIGHT_VERSION = 4,
    RIGHT_SLOT = 8,
    RIGHT_LENGTH = 16,
    RIGHT_HASH = 32
};

static int erase(void *port, uint32_t at, uint32_t len)
{
    fuzz_require((len == PAGE && (at == 0 || at == PAGE)) || (len == SLOT && at == SLOT_B));
    memset((uint8_t *)port + at, 0xff, len);
    return 0;
}

static int program(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    uint8_t *memory = (uint8_t *)port + at;
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

// ---- the image

struct offer {
    uint8_t image[SLOT];
    size_t len;
    uint32_t announced[3]; // length, version, board
};

static void put_right(struct offer *offer, uint8_t what)
{
    uint8_t *image = offer->image;
    if ((what & RIGHT_MAGIC) != 0) {
        memcpy(image, TW_IMAGE_MAGIC, 8);
    }
    if ((what & RIGHT_BOARD) != 0) {
        tw_link_put(image + 8, BOARD, 4);
    }
    if ((what & RIGHT_VERSION) != 0) {
        tw_link_put(image + 12, FLOOR, 4);
    }
    if ((what & RIGHT_SLOT) != 0) {
        tw_link_put(image + 16, TW_IMAGE_SLOT_B, 4);
    }
    if ((what & RIGHT_LENGTH) != 0) {
        tw_link_put(image + 20, offer->len, 4);
    }
    if ((what & RIGHT_HASH) != 0) {
        hash(image + TW_IMAGE_HEADER, offer->len - TW_IMAGE_HEADER, image + 24);
    }
}

static bool is_right(const struct offer *offer)
{
    struct offer right = *offer;
    put_right(&right, 0xff & ~RIGHT_VERSION);
    uint64_t version = tw_link_get(offer->image + 12, 4);
    return memcmp(right.image, offer->image, offer->len) == 0 && version >= FLOOR &&
           offer->announced[0] == offer->len && offer->announced[1] == version &&
           offer->announced[2] == BOARD;
}

// ---- the agent

static struct tw_link_update send_frame(struct tw_updater *updater, uint8_t type, const uint8_t *payload,
                                        size_t len)
{
    const struct tw_link_frame frame = {.type = type, .payload = payload, .len = len};
    struct tw_link_update answer = tw_updater_take(updater, &frame, 0);
    fuzz_require(answer.state <= TW_UPDATE_FAILED &&
                 (answer.state == TW_UPDATE_FAILED) == (answer.reason != 0));
    return answer;
}

static struct tw_link_update begin(struct tw_updater *updater, const struct offer *offer)
{
    uint8_t payload[TW_LINK_UPDATE_BEGIN_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        tw_link_put(payload + 4 * i, offer->announced[i], 4);
    }
    return send_frame(updater, TW_LINK_UPDATE_BEGIN, payload, sizeof payload);
}

static struct tw_link_update data(struct tw_updater *updater, const struct offer *offer, uint32_t at,
                                  size_t len)
{
    uint8_t payload[TW_LINK_UPDATE_DATA_HEAD_BYTES + SLOT];
    len = len < offer->len - at ? len : offer->len - at;
    tw_link_put(payload, at, 4);
    memcpy(payload + TW_LINK_UPDATE_DATA_HEAD_BYTES, offer->image + at, len);
    return send_frame(updater, TW_LINK_UPDATE_DATA, payload, TW_LINK_UPDATE_DATA_HEAD_BYTES + len);
}

// Each byte a frame; then all that is missing, in order.
static struct tw_link_update drive(struct tw_updater *updater, const struct offer *offer,
                                   const uint8_t *bytes, size_t count)
{
    struct tw_link_update answer = {.state = TW_UPDATE_IDLE};
    for (size_t i = 0; i < count; i++) {
        uint32_t due = updater->state.offset < offer->len ? updater->state.offset : 0;
        switch (bytes[i] & 3) {
        case 0:
            answer = begin(updater, offer);
            break;
        case 1:
            answer = data(updater, offer, (uint32_t)(bytes[i] * 5u % offer->len), 1 + bytes[i] / 4u);
            break;
        case 2:
            answer = data(updater, offer, due, 1 + bytes[i] / 4u);
            break;
        default:
            answer = send_frame(updater, TW_LINK_UPDATE_END, NULL, 0);
        }
    }
    while (answer.state == TW_UPDATE_RECEIVING && answer.offset < offer->len) {
        answer = data(updater, offer, answer.offset, 300);
    }
    return answer.state == TW_UPDATE_RECEIVING ? send_frame(updater, TW_LINK_UPDATE_END, NULL, 0) : answer;
}

static void check_outcome(const uint8_t *memory, const struct tw_boot_log *log, const struct offer *offer,
                          const struct tw_link_update *answer)
{
    struct tw_boot_state boot;
    tw_boot_state_read(log, &boot);
    bool tried = boot.trial == TW_IMAGE_SLOT_B;
    fuzz_require(tried == (answer->state == TW_UPDATE_CHECKED));
    fuzz_require(!tried || (is_right(offer) && memcmp(memory + SLOT_B, offer->image, offer->len) == 0));
    fuzz_require(boot.confirmed == TW_IMAGE_SLOT_A && boot.floor == FLOOR);
    for (size_t i = 0; i < SLOT; i++) {
        fuzz_require(memory[SLOT_A + i] == RUNNING);
    }
}

static void run(struct offer *offer, const uint8_t *bytes, size_t count)
{
    uint8_t memory[MEMORY];
    struct tw_boot_log log;
    struct tw_updater updater;
    struct tw_boot_state boot = {.confirmed = TW_IMAGE_SLOT_A, .floor = FLOOR};
    const struct tw_nvm nvm = {memory, {0, PAGE}, PAGE, {SLOT_A, SLOT_B}, SLOT, erase, program, memory};
    const struct tw_updater_port port = {&nvm, &log, hash, BOARD, TW_IMAGE_SLOT_A, 0};
    memset(memory, 0xff, sizeof memory);
    memset(memory + SLOT_A, RUNNING, SLOT);
    tw_boot_log_open(&log, &nvm);
    fuzz_require(tw_boot_state_write(&log, &boot) == 0);
    tw_updater_init(&updater, &port);
    struct tw_link_update answer = drive(&updater, offer, bytes, count);
    check_outcome(memory, &log, offer, &answer);
}

// right:u8 frames:u8 announced:u8[3] (0: as it is) frames[frames] image
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct offer offer = {.len = TW_IMAGE_HEADER + 1};
    if (size < 5 || size - 5 < input[1]) {
        return 0;
    }
    const uint8_t *frames = input + 5;
    size_t rest = size - 5 - input[1];
    memcpy(offer.image, frames + input[1], rest < SLOT ? rest : SLOT);
    offer.len = rest > offer.len ? (rest < SLOT ? rest : SLOT) : offer.len;
    put_right(&offer, input[0]);
    offer.announced[0] = (uint32_t)offer.len + (uint32_t)(int8_t)input[2];
    offer.announced[1] = (uint32_t)tw_link_get(offer.image + 12, 4) + input[3];
    offer.announced[2] = BOARD + (uint32_t)input[4];
    run(&offer, frames, input[1]);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/word.h"

#include <inttypes.h>
#include <string.h>

#include "tillwire/seal.h"

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tw_word_hash(const char *hex, uint8_t out[32])
{
    if (hex == NULL || strlen(hex) != 64) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        int high = digit(hex[2 * i]);
        int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool tw_word_read(struct tw_slice payload, bool is_ack, struct tw_word *out)
{
    long long number = -1;
    int64_t session = 0;
    *out = (struct tw_word){.reason = ""};
    if (tw_json_parse(payload, &out->value, NULL) != TW_OK) {
        return false;
    }
    int rc = is_ack ? tw_json_unpack(out->value, NULL, "{s:s, s:I}", "epoch", &out->epoch, "through", &number)
                    : tw_json_unpack(out->value, NULL, "{s:s, s:I, s:s}", "epoch", &out->epoch, "sequence",
                                     &number, "reason", &out->reason);
    if (rc != TW_OK || number < 0) {
        tw_word_free(out);
        return false;
    }
    out->number = (uint64_t)number;
    out->has_head = is_ack && tw_word_hash(tw_json_text(tw_json_get(out->value, "head")), out->head);
    out->has_session = is_ack && tw_json_int(tw_json_get(out->value, "session"), &session) == TW_OK;
    out->session = session > 0 ? (uint64_t)session : 0;
    return true;
}

void tw_word_free(struct tw_word *word)
{
    tw_json_free(word->value);
    word->value = NULL;
}

void tw_word_state(const struct tw_journal_stats *stats, uint64_t session, char out[TW_WORD_STATE_BYTES])
{
    char head[65];
    tw_seal_hex(stats->head, sizeof stats->head, head);
    (void)snprintf(out, TW_WORD_STATE_BYTES,
                   "{\"online\":true,\"epoch\":\"%s\",\"next_sequence\":%" PRIu64 ",\"through\":%" PRIu64
                   ",\"head\":\"%s\",\"session\":%" PRIu64 ",\"version\":\"%s\"}",
                   stats->epoch, stats->next_sequence, stats->through, head, session, TW_VERSION);
}

// SPDX-License-Identifier: Apache-2.0
//
// What a journal's row holds: bytes as they lie on the disk do not open; the same bytes sealed with the
// journal's key, as a row or as a mark, open to slices within what was read, or are damaged.
#include "agent/journal/record.h"
#include "tests/fuzz/target.h"

#define EPOCH "7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3"

// Made once: a vault is immutable, a recorder keeps nothing from one record to the next.
static struct tw_recorder *recorder(void)
{
    static const char key[] = "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    static struct tw_recorder made;
    static struct tw_seal *seal;
    if (made.vault == NULL) {
        char path[FUZZ_PATH_BYTES];
        struct tw_vault *vault = NULL;
        int fd = fuzz_file(key, sizeof key - 1, path);
        fuzz_require(tw_seal_new(&seal, NULL) == TW_OK);
        fuzz_require(tw_vault_load(seal, path, false, &vault, NULL) == TW_OK);
        fuzz_require(tw_recorder_init(&made, vault) == TW_OK);
        (void)close(fd);
    }
    return &made;
}

// Seals `plain` as the row `stored` of sequence 0 whose columns are 0, under key 1: what is bound to it is
// in record.h, and all of it but the key's ID is zeros.
static void seal_row(struct tw_slice plain, struct tw_buf *out)
{
    static const char head[] = "event 1 " EPOCH;
    uint8_t bound[sizeof head - 1 + 41] = {0};
    memcpy(bound, head, sizeof head - 1);
    bound[sizeof bound - 1] = 1;
    fuzz_require(tw_vault_seal(recorder()->vault, 1, tw_slice_make(bound, sizeof bound), plain, out) ==
                 TW_OK);
}

static void open_row(struct tw_slice plain)
{
    struct tw_buf sealed = {0};
    struct tw_record record = {.boot = -1};
    seal_row(plain, &sealed);
    const struct tw_stored stored = {.key = 1, .sealed = tw_buf_slice(&sealed)};
    int rc = tw_record_open(recorder(), EPOCH, 0, &stored, &record);
    if (rc == TW_OK) {
        size_t len = record.row.subject.len + record.sale_key.len + record.row.data.len;
        fuzz_require(len <= TW_RECORD_MAX_BYTES && plain.ptr[0] == 1);
    } else {
        fuzz_require((rc == TW_ERR_DAMAGED || rc == TW_ERR_TOO_LARGE) && record.boot == -1);
    }
    tw_buf_free(&sealed);
}

static void open_mark(struct tw_slice bytes)
{
    const struct tw_slice name = tw_slice_of("mark");
    struct tw_buf sealed = {0};
    struct tw_slice value = {0};
    fuzz_require(tw_record_seal_mark(recorder(), 1, name, bytes, &sealed) == TW_OK);
    fuzz_require(tw_record_open_mark(recorder(), name, tw_buf_slice(&sealed), &value) == TW_OK);
    fuzz_require(value.len == bytes.len && (value.len == 0 || memcmp(value.ptr, bytes.ptr, value.len) == 0));
    fuzz_require(tw_record_open_mark(recorder(), name, bytes, &value) != TW_OK);
    tw_buf_free(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_slice bytes = tw_slice_make(data, size);
    const struct tw_stored stored = {.key = 1, .sealed = bytes};
    struct tw_record record;
    fuzz_require(tw_record_open(recorder(), EPOCH, 0, &stored, &record) != TW_OK);
    open_row(bytes);
    open_mark(bytes);
    return 0;
}

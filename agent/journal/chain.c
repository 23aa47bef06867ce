// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/chain.h"

// What tw_rows_free gets back: the public part and the memory behind it.
struct answer {
    struct tw_rows rows; // first, so that a pointer to it is one to the answer
    struct tw_buf bytes;
    size_t cap;
};

// One pass over the queue, row by row.
struct walk {
    struct tw_chain *chain;
    const struct tw_chain_start *start;
    uint64_t next;    // the sequence the next row must have
    uint8_t hash[32]; // of next - 1
};

void tw_chain_free(struct tw_chain *chain)
{
    tw_ring_free(&chain->ring);
    tw_buf_free(&chain->scratch);
}

void tw_rows_free(struct tw_rows *rows)
{
    if (rows != NULL) {
        struct answer *answer = (struct answer *)(void *)rows;
        free(answer->rows.rows);
        tw_buf_free(&answer->bytes);
        free(answer);
    }
}

static void walk_begin(struct walk *walk, struct tw_chain *chain, const struct tw_chain_start *start,
                       uint64_t known, const uint8_t hash[32])
{
    *walk = (struct walk){.chain = chain, .start = start, .next = known + 1};
    memcpy(walk->hash, hash, sizeof walk->hash);
    tw_table_from(chain->table, start->base + (int64_t)walk->next);
}

// Appends the next row's published form to `out`. 1: done; 0: no further row.
static int walk_next(struct walk *walk, struct tw_buf *out, struct tw_journal_payload *payload, bool *dead)
{
    struct tw_table_row row;
    int rc = tw_table_next(walk->chain->table, &row);
    if (rc <= 0) {
        return rc;
    }
    if (row.stored.n != walk->start->base + (int64_t)walk->next) {
        return TW_ERR_DAMAGED;
    }
    struct tw_event_row *event = &row.record.row;
    event->sequence = walk->next; // in this epoch; it may have been written in an earlier one
    char prevhash[TW_HASH_HEX + 1];
    tw_seal_hex(walk->hash, sizeof walk->hash, prevhash);
    size_t begin = out->len;
    tw_event_write(event, walk->chain->source, walk->start->epoch, prevhash, out);
    rc = tw_buf_status(out);
    if (rc != TW_OK) {
        return rc;
    }
    tw_seal_sha256(tw_slice_make(out->ptr + begin, out->len - begin), walk->hash);
    tw_ring_put(&walk->chain->ring, walk->next, walk->hash, (uint32_t)row.stored.sealed.len);
    *dead = row.stored.state == TW_RECORD_DEAD;
    *payload = (struct tw_journal_payload){
        .sequence = walk->next,
        .family = tw_event_type_family(event->type),
        .bytes = {NULL, out->len - begin},
    };
    walk->next++;
    return 1;
}

// Begins a walk whose first row is `from`, computing forward from the nearest hash that is known.
static int walk_to(struct walk *walk, struct tw_chain *chain, const struct tw_chain_start *start,
                   uint64_t from)
{
    uint64_t known = tw_ring_below(&chain->ring, from - 1);
    uint8_t hash[32];
    if (known > start->through) {
        memcpy(hash, tw_ring_get(&chain->ring, known), sizeof hash);
    } else {
        known = start->through;
        memcpy(hash, start->head, sizeof hash);
    }
    walk_begin(walk, chain, start, known, hash);
    int rc = 1;
    while (rc == 1 && walk->next < from) {
        struct tw_journal_payload payload;
        bool dead;
        tw_buf_clear(&chain->scratch);
        rc = walk_next(walk, &chain->scratch, &payload, &dead);
    }
    return rc;
}

int tw_chain_hash(struct tw_chain *chain, const struct tw_chain_start *start, uint64_t sequence,
                  uint8_t out[32])
{
    struct walk walk;
    int rc = walk_to(&walk, chain, start, sequence + 1);
    tw_table_end(chain->table);
    if (rc <= 0) {
        return rc == 0 ? TW_ERR_DAMAGED : rc;
    }
    memcpy(out, walk.hash, sizeof walk.hash);
    return TW_OK;
}

static int answer_add(struct answer *answer, const struct tw_journal_payload *payload)
{
    if (answer->rows.count == answer->cap) {
        size_t cap = answer->cap == 0 ? 16 : answer->cap * 2;
        struct tw_journal_payload *grown = realloc(answer->rows.rows, cap * sizeof *grown);
        if (grown == NULL) {
            return TW_ERR_NOMEM;
        }
        answer->rows.rows = grown;
        answer->cap = cap;
    }
    answer->rows.rows[answer->rows.count++] = *payload;
    return 1;
}

static int answer_fill(struct answer *answer, struct walk *walk, uint64_t last, size_t max_rows)
{
    int rc = 1;
    while (rc == 1 && walk->next <= last && answer->rows.count < max_rows &&
           answer->bytes.len < TW_READ_BYTES) {
        struct tw_journal_payload payload;
        bool dead = false;
        size_t begin = answer->bytes.len;
        rc = walk_next(walk, &answer->bytes, &payload, &dead);
        if (rc == 1 && dead) {
            answer->bytes.len = begin;
        } else if (rc == 1) {
            rc = answer_add(answer, &payload);
        }
    }
    return rc;
}

int tw_chain_read(struct tw_chain *chain, const struct tw_chain_start *start, uint64_t from, uint64_t last,
                  size_t max_rows, struct tw_rows **out)
{
    struct answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL) {
        return TW_ERR_NOMEM;
    }
    struct walk walk;
    int rc = walk_to(&walk, chain, start, from);
    if (rc == 1) {
        rc = answer_fill(answer, &walk, last, max_rows);
    }
    tw_table_end(chain->table);
    if (rc < 0 || answer->rows.count == 0) {
        tw_rows_free(&answer->rows);
        answer = NULL;
    } else {
        memcpy(answer->rows.epoch, start->epoch, sizeof answer->rows.epoch);
        const uint8_t *at = answer->bytes.ptr;
        size_t used = 0;
        for (size_t i = 0; i < answer->rows.count; i++) {
            struct tw_journal_payload *payload = &answer->rows.rows[i];
            payload->bytes.ptr = at + used;
            used += payload->bytes.len;
        }
    }
    if (rc < 0) {
        return rc;
    }
    *out = answer == NULL ? NULL : &answer->rows;
    return TW_OK;
}

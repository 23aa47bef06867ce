// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/finds.h"

#include "agent/journal/lived.h"

enum {
    MAX_LIVES = 4096, // of each more than any file has; only damage can bring more
    MAX_BOOTS = 65536,
    MAX_MARKS = 4096,
    MAX_KEY_ID = 65535,
    MAX_LIFE_IN_INDEX = 1000000, // a row of an index on `lives` ends in a life, one of `sales` in a time
    UUID_LEN = 36,
};

void tw_finds_free(struct tw_finds *finds)
{
    for (size_t i = 0; i < finds->mark_count; i++) {
        tw_buf_free(&finds->marks[i].name);
        tw_buf_free(&finds->marks[i].value);
    }
    free(finds->rows);
    free(finds->lives);
    free(finds->boots);
    free(finds->marks);
}

// ---- shapes ----

static bool is_like(const struct tw_page_row *row, const char *kinds)
{
    static const char letters[] = {
        [TW_PAGE_NULL] = '0', [TW_PAGE_INT] = 'i',  [TW_PAGE_REAL] = 'r',
        [TW_PAGE_BLOB] = 'b', [TW_PAGE_TEXT] = 't',
    };
    size_t at = 0;
    while (at < row->count && kinds[at] == letters[row->values[at].kind]) {
        at++;
    }
    return at == row->count && kinds[at] == 0;
}

static bool take_uuid(struct tw_slice text, char out[UUID_LEN + 1])
{
    for (size_t i = 0; text.len == UUID_LEN && i < UUID_LEN; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f');
        if (hyphen ? text.ptr[i] != '-' : !digit) {
            return false;
        }
    }
    if (text.len != UUID_LEN) {
        return false;
    }
    memcpy(out, text.ptr, UUID_LEN);
    out[UUID_LEN] = 0;
    return true;
}

// From columns life (or, in a letter, n and life), type, time_ms and what follows them.
static bool take_stored(int64_t n, int64_t life, int64_t type, int64_t state, int64_t key,
                        struct tw_stored *out)
{
    if (life < 1 || life > UINT32_MAX || type < 1 || type > INT32_MAX ||
        tw_event_type_name((enum tw_event_type)type) == NULL || key < 1 || key > MAX_KEY_ID ||
        (state != TW_RECORD_LIVE && state != TW_RECORD_DEAD)) {
        return false;
    }
    out->n = n;
    out->life = life;
    out->type = (enum tw_event_type)type;
    out->state = (enum tw_record_state)state;
    out->key = (unsigned)key;
    return true;
}

bool tw_finds_event(const struct tw_page_row *row, struct tw_stored *out)
{
    const struct tw_page_value *value = row->values;
    struct tw_stored stored = {0};
    if (row->index || !is_like(row, "0iiiiib") ||
        !take_stored(row->rowid, value[1].integer, value[2].integer, value[4].integer, value[5].integer,
                     &stored)) {
        return false;
    }
    stored.time_ms = value[3].integer;
    stored.sealed = value[6].bytes;
    *out = stored;
    return true;
}

bool tw_finds_letter(const struct tw_page_row *row, struct tw_found_letter *out)
{
    const struct tw_page_value *value = row->values;
    struct tw_found_letter letter = {.number = row->rowid};
    if (row->index || !is_like(row, "0tiiiiiibti") || !take_uuid(value[1].bytes, letter.epoch) ||
        !take_stored(value[3].integer, value[4].integer, value[5].integer, TW_RECORD_LIVE, value[7].integer,
                     &letter.stored)) {
        return false;
    }
    letter.sequence = value[2].integer;
    letter.stored.time_ms = value[6].integer;
    letter.stored.sealed = value[8].bytes;
    letter.reason = value[9].bytes;
    letter.at_ms = value[10].integer;
    *out = letter;
    return true;
}

// ---- keeping ----

// Room for one more of `size` bytes; `list` is a pointer to a pointer.
static int grow(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return TW_OK;
    }
    size_t wanted = *cap == 0 ? 16 : *cap + *cap / 2;
    void *old = NULL;
    memcpy(&old, list, sizeof old);
    void *grown = realloc(old, wanted * size);
    if (grown == NULL) {
        return TW_ERR_NOMEM;
    }
    memcpy(list, &grown, sizeof grown);
    *cap = wanted;
    // cppcheck-suppress memleak ; `list` has it now
    return TW_OK;
}

static int keep_event(struct tw_finds *finds, const struct tw_page_row *row, const struct tw_stored *stored)
{
    int rc = grow(&finds->rows, finds->row_count, &finds->row_cap, sizeof *finds->rows);
    if (rc == TW_OK) {
        finds->rows[finds->row_count++] = (struct tw_find){
            .n = stored->n,
            .page = row->place.page,
            .life = (uint32_t)stored->life,
            .cell = row->place.cell,
            .stale = row->place.stale,
            .replaced = row->place.replaced,
            .dead = stored->state == TW_RECORD_DEAD,
            .sale = tw_event_is_sale(stored->type),
        };
    }
    return rc;
}

bool tw_finds_has_life(const struct tw_finds *finds, const struct tw_life *life)
{
    for (size_t i = 0; i < finds->life_count; i++) {
        const struct tw_life *known = &finds->lives[i];
        if (known->number == life->number && known->base == life->base &&
            strcmp(known->epoch, life->epoch) == 0) {
            return true;
        }
    }
    return false;
}

static int keep_life(struct tw_finds *finds, const struct tw_life *life)
{
    if (life->number < 1 || finds->life_count == MAX_LIVES || tw_finds_has_life(finds, life)) {
        return TW_OK;
    }
    int rc = grow(&finds->lives, finds->life_count, &finds->life_cap, sizeof *finds->lives);
    if (rc == TW_OK) {
        finds->lives[finds->life_count++] = *life;
    }
    return rc;
}

static int keep_boot(struct tw_finds *finds, int64_t number, struct tw_slice text)
{
    struct tw_found_boot boot = {.number = number};
    if (finds->boot_count == MAX_BOOTS || !take_uuid(text, boot.text)) {
        return TW_OK;
    }
    int rc = grow(&finds->boots, finds->boot_count, &finds->boot_cap, sizeof *finds->boots);
    if (rc == TW_OK) {
        finds->boots[finds->boot_count++] = boot;
    }
    return rc;
}

static struct tw_found_mark *find_mark(struct tw_finds *finds, struct tw_slice name)
{
    for (size_t i = 0; i < finds->mark_count; i++) {
        struct tw_found_mark *mark = &finds->marks[i];
        if (mark->name.len == name.len && memcmp(mark->name.ptr, name.ptr, name.len) == 0) {
            return mark;
        }
    }
    return NULL;
}

static int keep_mark(struct tw_finds *finds, struct tw_slice name, struct tw_slice value)
{
    struct tw_found_mark *mark = find_mark(finds, name);
    if (mark == NULL) {
        int rc = finds->mark_count < MAX_MARKS
                     ? grow(&finds->marks, finds->mark_count, &finds->mark_cap, sizeof *finds->marks)
                     : TW_OK;
        if (rc != TW_OK || finds->mark_count == MAX_MARKS) {
            return rc;
        }
        mark = &finds->marks[finds->mark_count++];
        *mark = (struct tw_found_mark){0};
        tw_buf_add(&mark->name, name.ptr, name.len);
    }
    tw_buf_clear(&mark->value);
    tw_buf_add(&mark->value, value.ptr, value.len);
    return mark->name.failed || mark->value.failed ? TW_ERR_NOMEM : TW_OK;
}

// Within a life `through` only rises.
static bool is_further(const struct tw_outbox_meta *a, const struct tw_outbox_meta *b)
{
    if (a->life != b->life) {
        return a->life > b->life;
    }
    return a->through != b->through ? a->through > b->through : a->counted_to >= b->counted_to;
}

static int keep_meta(struct tw_finds *finds, struct tw_slice value, bool stale)
{
    struct tw_outbox_meta meta;
    if (tw_outbox_read_meta(value, &meta) != TW_OK) {
        return TW_OK;
    }
    if (!finds->has_meta || is_further(&meta, &finds->meta)) {
        finds->meta = meta;
        finds->has_meta = true;
        finds->meta_is_stale = stale;
    }
    struct tw_life life = {.number = meta.life, .base = meta.base};
    memcpy(life.epoch, meta.epoch, sizeof life.epoch);
    return keep_life(finds, &life);
}

// ---- rows ----

static bool is_named(struct tw_slice name, const char *text)
{
    return name.len == strlen(text) && memcmp(name.ptr, text, name.len) == 0;
}

static int on_mark(struct tw_finds *finds, struct tw_slice name, struct tw_slice sealed, bool stale)
{
    struct tw_slice value;
    int rc = tw_record_open_mark(finds->recorder, name, sealed, &value);
    if (rc != TW_OK) {
        finds->no_key += rc == TW_ERR_NOT_FOUND;
        return rc == TW_ERR_NOMEM ? rc : TW_OK;
    }
    if (is_named(name, TW_MARK_META)) {
        return keep_meta(finds, value, stale);
    }
    return is_named(name, TW_MARK_LIVED) ? TW_OK : keep_mark(finds, name, value); // a new file begins its own
}

static int on_life(struct tw_finds *finds, struct tw_slice epoch, int64_t number, int64_t base)
{
    struct tw_life life = {.number = number, .base = base};
    return take_uuid(epoch, life.epoch) ? keep_life(finds, &life) : TW_OK;
}

static void on_seal(struct tw_finds *finds, int64_t key, const uint8_t *check)
{
    uint8_t ours[TW_VAULT_CHECK_BYTES];
    if (key < 1 || key > MAX_KEY_ID) {
        return;
    }
    bool same = tw_vault_check(finds->recorder->vault, (unsigned)key, ours) == TW_OK &&
                tw_seal_equal(ours, check, sizeof ours);
    finds->own_seals += same;
    finds->other_seals += !same;
}

// `boots` has an index on its text by itself.
static int on_index_row(struct tw_finds *finds, const struct tw_page_row *row)
{
    const struct tw_page_value *value = row->values;
    if (is_like(row, "tb")) {
        return on_mark(finds, value[0].bytes, value[1].bytes, row->place.stale);
    }
    if (is_like(row, "ti")) {
        return keep_boot(finds, value[1].integer, value[0].bytes);
    }
    if (is_like(row, "tii") && value[2].integer <= MAX_LIFE_IN_INDEX) {
        return on_life(finds, value[0].bytes, value[2].integer, value[1].integer);
    }
    return TW_OK;
}

static int on_row(void *ctx, const struct tw_page_row *row)
{
    struct tw_finds *finds = ctx;
    const struct tw_page_value *value = row->values;
    struct tw_stored stored;
    struct tw_found_letter letter;
    if (row->index) {
        return on_index_row(finds, row);
    }
    if (tw_finds_event(row, &stored)) {
        return keep_event(finds, row, &stored);
    }
    if (is_like(row, "0ti")) {
        return on_life(finds, value[1].bytes, row->rowid, value[2].integer);
    }
    if (is_like(row, "0t")) {
        return keep_boot(finds, row->rowid, value[1].bytes);
    }
    if (is_like(row, "0b") && value[1].bytes.len == TW_VAULT_CHECK_BYTES) {
        on_seal(finds, row->rowid, value[1].bytes.ptr);
        return TW_OK;
    }
    if (tw_finds_letter(row, &letter)) {
        return on_life(finds, value[1].bytes, letter.stored.life,
                       (int64_t)((uint64_t)letter.stored.n - (uint64_t)letter.sequence));
    }
    return TW_OK;
}

// ---- order ----

// Of two copies: what was written in a later life, what is not stale, what was rejected since, what comes
// later.
static uint64_t belief(const struct tw_find *find)
{
    return (uint64_t)find->life << 2 | (find->stale ? 0 : 2) | find->dead;
}

static int by_place(const void *left, const void *right)
{
    const struct tw_find *a = left;
    const struct tw_find *b = right;
    if (a->n != b->n) {
        return a->n < b->n ? -1 : 1;
    }
    if (belief(a) != belief(b)) {
        return belief(a) < belief(b) ? -1 : 1;
    }
    if (a->page != b->page) {
        return a->page < b->page ? -1 : 1;
    }
    return a->cell < b->cell ? -1 : a->cell > b->cell;
}

static int by_number(const void *left, const void *right)
{
    const struct tw_found_boot *a = left;
    const struct tw_found_boot *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

const char *tw_finds_boot(const struct tw_finds *finds, int64_t number)
{
    const struct tw_found_boot key = {.number = number};
    const struct tw_found_boot *boot =
        finds->boot_count > 0 ? bsearch(&key, finds->boots, finds->boot_count, sizeof key, by_number) : NULL;
    return boot != NULL ? boot->text : NULL;
}

int tw_finds_look(struct tw_finds *finds, struct tw_pages *pages, struct tw_pages_report *report)
{
    int rc = tw_pages_walk(pages, on_row, finds, report);
    bool sorted = true; // mostly it is, and then sorting would only take memory
    for (size_t i = 1; i < finds->row_count && sorted; i++) {
        sorted = by_place(&finds->rows[i - 1], &finds->rows[i]) <= 0;
    }
    if (!sorted) {
        qsort(finds->rows, finds->row_count, sizeof *finds->rows, by_place);
    }
    if (finds->boot_count > 0) {
        qsort(finds->boots, finds->boot_count, sizeof *finds->boots, by_number);
    }
    return rc;
}

// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/hid_report.h"

#include <string.h>

enum { // HID 1.11, 6.2.2.4, 6.2.2.7, 6.2.2.8: tag and type of short items, without the size bits
    MAIN_INPUT = 0x80,
    MAIN_OUTPUT = 0x90,
    MAIN_FEATURE = 0xb0,
    MAIN_COLLECTION = 0xa0,
    MAIN_END_COLLECTION = 0xc0,
    GLOBAL_USAGE_PAGE = 0x04,
    GLOBAL_REPORT_SIZE = 0x74,
    GLOBAL_REPORT_ID = 0x84,
    GLOBAL_REPORT_COUNT = 0x94,
    GLOBAL_PUSH = 0xa4,
    GLOBAL_POP = 0xb4,
    LOCAL_USAGE = 0x08,
    LOCAL_USAGE_MINIMUM = 0x18,
    LOCAL_USAGE_MAXIMUM = 0x28,
    LONG_ITEM = 0xfe,
    INPUT_CONSTANT = 1,
    INPUT_VARIABLE = 2,
};

enum { // usages, page in the upper half
    BYTE_COUNT = 0x0001003b,
    SYMBOLOGY_1 = 0x008c00fb,
    SYMBOLOGY_3 = 0x008c00fd,
    DECODED_DATA = 0x008c00fe,
    DATA_CONTINUED = 0x008c00ff,
    TRACK_1_LENGTH = 0x008e0011,
    TRACK_1_DATA = 0x008e0021,
};

enum { USAGES = 32, STACK = 4 };

struct globals {
    uint32_t page, size, count, id;
};

struct parser {
    struct globals globals;
    struct globals stack[STACK];
    size_t depth;
    uint32_t usages[USAGES];
    bool extended[USAGES]; // the usage brought its page along
    size_t usage_count;
    uint32_t minimum;
    struct tw_hid_layout found;
};

struct item {
    uint8_t tag;
    size_t size; // of the value, in bytes
    uint32_t value;
};

// ---- fields

// Elements that follow each other are one field; those wider than a byte are runs of bytes.
static void put_bytes(struct tw_hid_field *data, uint32_t at, uint32_t bits)
{
    if (bits % 8 != 0 || at % 8 != 0) {
        return;
    }
    if (data->bits == 0) {
        *data = (struct tw_hid_field){at, 8, bits / 8};
    } else if (at == data->at_bits + data->count * 8) {
        data->count += bits / 8;
    }
}

static void put_field(struct tw_hid_report *report, uint32_t usage, uint32_t at, uint32_t bits)
{
    struct tw_hid_field *field = NULL;
    if (usage == DECODED_DATA) {
        put_bytes(&report->data, at, bits);
    } else if (usage - TRACK_1_DATA < TW_HID_TRACKS) {
        put_bytes(&report->tracks[usage - TRACK_1_DATA], at, bits);
    } else if (usage - TRACK_1_LENGTH < TW_HID_TRACKS) {
        field = &report->track_lengths[usage - TRACK_1_LENGTH];
    } else if (usage == BYTE_COUNT) {
        field = &report->byte_count;
    } else if (usage == DATA_CONTINUED) {
        field = &report->continued;
    } else if (usage >= SYMBOLOGY_1 && usage <= SYMBOLOGY_3) {
        field = &report->symbology[usage - SYMBOLOGY_1];
    }
    if (field != NULL && field->bits == 0 && bits <= 8) {
        *field = (struct tw_hid_field){at, bits, 1};
    }
}

static struct tw_hid_report *report_of(struct parser *parser)
{
    uint8_t id = (uint8_t)parser->globals.id;
    for (size_t i = 0; i < parser->found.count; i++) {
        if (parser->found.reports[i].id == id) {
            return &parser->found.reports[i];
        }
    }
    if (parser->found.count == TW_HID_REPORTS) {
        return NULL;
    }
    struct tw_hid_report *report = &parser->found.reports[parser->found.count++];
    report->id = id;
    report->bits = id != 0 ? 8 : 0; // the id itself stands in front (5.6)
    return report;
}

// The last usage stands for all elements that have none of their own (6.2.2.8).
static uint32_t usage_of(const struct parser *parser, uint32_t element)
{
    size_t last = parser->usage_count - 1;
    size_t at = element < last ? element : last;
    return parser->extended[at] ? parser->usages[at] : parser->globals.page << 16 | parser->usages[at];
}

static int take_input(struct parser *parser, uint32_t flags)
{
    const struct globals *globals = &parser->globals;
    struct tw_hid_report *report = report_of(parser);
    if (report == NULL || globals->size == 0 || globals->count == 0) {
        return 0;
    }
    if (globals->size > TW_HID_REPORT_BITS || globals->count > TW_HID_REPORT_BITS ||
        globals->size * globals->count > TW_HID_REPORT_BITS - report->bits) {
        return TW_ERR_TOO_LARGE;
    }
    bool named = (flags & INPUT_CONSTANT) == 0 && (flags & INPUT_VARIABLE) != 0 && parser->usage_count > 0;
    for (uint32_t i = 0; i < globals->count; i++) {
        if (named) {
            put_field(report, usage_of(parser, i), report->bits, globals->size);
        }
        report->bits += globals->size;
    }
    return 0;
}

// ---- items

static void add_usage(struct parser *parser, uint32_t usage, bool extended)
{
    if (parser->usage_count < USAGES) {
        parser->usages[parser->usage_count] = usage;
        parser->extended[parser->usage_count++] = extended;
    }
}

static void take_local(struct parser *parser, const struct item *item)
{
    bool extended = item->size == 4;
    if (item->tag == LOCAL_USAGE) {
        add_usage(parser, item->value, extended);
    } else if (item->tag == LOCAL_USAGE_MINIMUM) {
        parser->minimum = item->value;
    } else if (item->tag == LOCAL_USAGE_MAXIMUM) {
        for (uint32_t usage = parser->minimum; usage <= item->value && parser->usage_count < USAGES;
             usage++) {
            add_usage(parser, usage, extended);
        }
    }
}

static int take_global(struct parser *parser, const struct item *item)
{
    switch (item->tag) {
    case GLOBAL_USAGE_PAGE:
        parser->globals.page = item->value & 0xffff;
        break;
    case GLOBAL_REPORT_SIZE:
        parser->globals.size = item->value;
        break;
    case GLOBAL_REPORT_COUNT:
        parser->globals.count = item->value;
        break;
    case GLOBAL_REPORT_ID:
        if (item->value == 0 || item->value > 255) { // 6.2.2.7: 0 is reserved
            return TW_ERR_DAMAGED;
        }
        parser->globals.id = item->value;
        break;
    case GLOBAL_PUSH:
        if (parser->depth == STACK) {
            return TW_ERR_TOO_LARGE;
        }
        parser->stack[parser->depth++] = parser->globals;
        break;
    case GLOBAL_POP:
        if (parser->depth == 0) {
            return TW_ERR_DAMAGED;
        }
        parser->globals = parser->stack[--parser->depth];
        break;
    default:
        break;
    }
    return 0;
}

static int take_item(struct parser *parser, const struct item *item)
{
    int outcome = 0;
    switch (item->tag & 0x0c) {
    case 0x00:
        outcome = item->tag == MAIN_INPUT ? take_input(parser, item->value) : 0;
        parser->usage_count = 0; // local items hold for one main item
        parser->minimum = 0;
        return outcome;
    case 0x04:
        return take_global(parser, item);
    case 0x08:
        take_local(parser, item);
        return 0;
    default:
        return 0; // reserved
    }
}

// One item (6.2.2.2, 6.2.2.3) off the front; false when it is cut short.
static bool next_item(struct tw_slice *rest, struct item *out)
{
    uint8_t first = rest->ptr[0];
    size_t size =
        first == LONG_ITEM ? (rest->len > 1 ? rest->ptr[1] + 2u : 2) : (size_t[]){0, 1, 2, 4}[first & 3];
    if (rest->len < 1 + size) {
        return false;
    }
    // Long items are of no use to anyone yet: 0x0c is reserved, and passed over.
    *out = (struct item){.tag = first == LONG_ITEM ? 0x0c : first & 0xfc, .size = size};
    for (size_t i = 0; i < size && first != LONG_ITEM; i++) {
        out->value |= (uint32_t)rest->ptr[1 + i] << (8 * i);
    }
    rest->ptr += 1 + size;
    rest->len -= 1 + size;
    return true;
}

// ---- the public side

static bool carries(const struct tw_hid_report *report, enum tw_hid_kind kind)
{
    bool track = false;
    for (size_t i = 0; i < TW_HID_TRACKS; i++) {
        track = track || report->tracks[i].bits != 0;
    }
    return kind == TW_HID_SCANS ? report->data.bits != 0 : track;
}

static void keep(const struct tw_hid_layout *all, enum tw_hid_kind kind, struct tw_hid_layout *out)
{
    *out = (struct tw_hid_layout){0};
    for (size_t i = 0; i < all->count; i++) {
        if (carries(&all->reports[i], kind)) {
            out->reports[out->count++] = all->reports[i];
        }
    }
}

int tw_hid_layout_read(struct tw_slice descriptor, enum tw_hid_kind kind, struct tw_hid_layout *out,
                       struct tw_error_text *err)
{
    struct parser parser = {0};
    struct tw_slice rest = descriptor;
    while (rest.len > 0) {
        struct item item;
        size_t at = descriptor.len - rest.len;
        if (!next_item(&rest, &item) || take_item(&parser, &item) != 0) {
            return tw_fail(err, TW_ERR_DAMAGED, "the HID report descriptor cannot be read from byte %zu on",
                           at);
        }
    }
    struct tw_hid_layout layout;
    keep(&parser.found, kind, &layout);
    if (layout.count == 0) {
        return tw_fail(err, TW_ERR_NOT_FOUND, "the device does not say that it sends %s",
                       kind == TW_HID_SCANS ? "decoded data (HID usage page 8C, usage FE)"
                                            : "tracks (HID usage page 8E, usages 21 to 23)");
    }
    *out = layout;
    return 0;
}

const struct tw_hid_report *tw_hid_layout_of(const struct tw_hid_layout *layout, struct tw_slice report)
{
    for (size_t i = 0; i < layout->count; i++) {
        const struct tw_hid_report *known = &layout->reports[i];
        if (known->id == 0 || (report.len > 0 && report.ptr[0] == known->id)) {
            return known;
        }
    }
    return NULL;
}

uint32_t tw_hid_value(const struct tw_hid_field *field, struct tw_slice report, uint32_t otherwise)
{
    if (field->bits == 0 || (field->at_bits + field->bits + 7) / 8 > report.len) {
        return otherwise;
    }
    size_t at = field->at_bits / 8;
    uint32_t two = report.ptr[at] | (at + 1 < report.len ? (uint32_t)report.ptr[at + 1] << 8 : 0);
    return two >> field->at_bits % 8 & ((1u << field->bits) - 1);
}

bool tw_hid_bytes(const struct tw_hid_field *field, const struct tw_hid_field *length, struct tw_slice report,
                  struct tw_slice *out)
{
    size_t at = field->at_bits / 8;
    size_t there = report.len > at ? report.len - at : 0;
    there = there < field->count ? there : field->count;
    size_t len = tw_hid_value(length, report, UINT32_MAX);
    if (len == UINT32_MAX) {
        len = there;
        while (len > 0 && report.ptr[at + len - 1] == 0) {
            len--;
        }
    }
    *out = tw_slice_make(report.ptr + at, len);
    return len <= there;
}

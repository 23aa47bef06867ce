// SPDX-License-Identifier: Apache-2.0
//
// Keyboard-wedge scanners: scanners that type. A scan is a burst of keys, faster than anybody types,
// that ends with Enter or Tab. All else is dropped and counted: keys that come slowly, that repeat,
// that stand for no character. Read over evdev from the one configured device, which is grabbed; no
// other keyboard is ever read.
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/code.h"
#include "hal/drivers/drivers.h"
#include "hal/drivers/scanner/keys.h"

enum {
    GAP_MS = 100, // between two keys of a burst; makers' "inter-key delays" end below
    MEAN_MS = 60, // between keys of a whole burst: 200 words a minute, sustained
    RELEASED = 0,
    PRESSED = 1,
    ENTER = 1, // what ends a scan
    TAB = 2,
    MAX_ALT = 126, // Alt with keypad digits: ASCII is the same in every code page
};

enum modifier {
    LEFT_SHIFT = 1,
    RIGHT_SHIFT = 2,
    LEFT_CTRL = 4,
    RIGHT_CTRL = 8,
    LEFT_ALT = 16,
    RIGHT_ALT = 32,
};

struct wedge {
    struct tw_driver driver;
    const struct tw_layout *layout;
    unsigned endings;
    uint8_t record[TW_IO_KEY_BYTES];
    size_t have;
    struct tw_code code;
    unsigned modifiers;
    wchar_t accent; // a dead key that waits for its space
    unsigned alt;   // character number typed so far with Alt held
    bool alt_begun;
    uint64_t first_us, last_us; // of this burst
    unsigned presses;
    int64_t last_ms;
};

struct key {
    uint64_t time_us;
    uint16_t type, code;
    int32_t value;
};

// ---- bursts

static bool begun(const struct wedge *wedge)
{
    return tw_code_begun(&wedge->code) || wedge->accent != 0 || wedge->alt_begun;
}

static void start_over(struct wedge *wedge)
{
    tw_code_forget(&wedge->code);
    wedge->accent = 0;
    wedge->alt = 0;
    wedge->alt_begun = false;
    wedge->presses = 0;
}

static void drop(struct wedge *wedge)
{
    wedge->driver.errors += begun(wedge);
    start_over(wedge);
}

static void spoil(struct wedge *wedge)
{
    wedge->code.spoilt = true;
}

static void end_burst(struct wedge *wedge)
{
    bool slow = wedge->presses > 1 &&
                wedge->last_us - wedge->first_us > (uint64_t)(wedge->presses - 1) * MEAN_MS * 1000;
    if (slow || wedge->accent != 0 || wedge->alt_begun) {
        drop(wedge);
    }
    tw_code_end(&wedge->code, &wedge->driver);
    start_over(wedge);
}

// Events come in the order of their times; a clock that steps back is a gap, too.
static void note_press(struct wedge *wedge, uint64_t time_us)
{
    if (begun(wedge) && (time_us < wedge->last_us || time_us - wedge->last_us > GAP_MS * 1000)) {
        drop(wedge);
    }
    if (!begun(wedge)) {
        wedge->first_us = time_us;
        wedge->presses = 0;
    }
    wedge->last_us = time_us;
    wedge->presses++;
}

// ---- characters

// UTF-8 (RFC 3629); layouts have nothing beyond the basic plane.
static void add_character(struct wedge *wedge, uint32_t c)
{
    uint8_t utf8[3];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
    if (len == 1) {
        utf8[0] = (uint8_t)c;
    } else if (len == 2) {
        utf8[0] = (uint8_t)(0xc0 | c >> 6);
    } else {
        utf8[0] = (uint8_t)(0xe0 | c >> 12);
        utf8[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    }
    if (len > 1) {
        utf8[len - 1] = (uint8_t)(0x80 | (c & 0x3f));
    }
    tw_code_add(&wedge->code, utf8, len);
    explicit_bzero(utf8, sizeof utf8);
}

static bool is_accent(wchar_t c)
{
    return c >= 0x300 && c <= 0x36f;
}

// A dead key and a space make the accent itself; scanners compose no letters.
static uint32_t free_standing(wchar_t accent)
{
    switch ((uint32_t)accent) {
    case 0x300:
        return '`';
    case 0x301:
        return 0xb4;
    case 0x302:
        return '^';
    case 0x303:
        return '~';
    default:
        return 0xa8; // diaeresis
    }
}

static void take_character(struct wedge *wedge, wchar_t c)
{
    if (wedge->accent != 0) {
        if (c == L' ') {
            add_character(wedge, free_standing(wedge->accent));
        } else {
            spoil(wedge);
        }
        wedge->accent = 0;
    } else if (is_accent(c)) {
        wedge->accent = c;
    } else if (c != 0) {
        add_character(wedge, (uint32_t)c);
    } else {
        spoil(wedge);
    }
}

// Ctrl with a key is a control character (ECMA-48's columns 4 and 5 less 64). Those of GS1 and of
// ISO/IEC 15434 are part of codes; others are commands to a program.
static void take_control(struct wedge *wedge, uint16_t code)
{
    wchar_t c = tw_layout_key(wedge->layout, code, TW_KEY_PLAIN);
    uint32_t control = (uint32_t)c & 0x1f;
    bool wanted = control == 0x04 || (control >= 0x1c && control <= 0x1f);
    if (c >= L'@' && c < 0x80 && wanted) {
        add_character(wedge, control);
    } else {
        spoil(wedge);
    }
}

static void take_alt_digit(struct wedge *wedge, uint16_t code)
{
    int digit = tw_keypad_digit(code);
    if (digit < 0 || wedge->alt > 1000) {
        spoil(wedge);
    } else {
        wedge->alt = wedge->alt * 10 + (unsigned)digit;
        wedge->alt_begun = true;
    }
}

static void end_alt(struct wedge *wedge)
{
    if (wedge->alt_begun && wedge->alt >= 1 && wedge->alt <= MAX_ALT) {
        add_character(wedge, wedge->alt);
    } else if (wedge->alt_begun) {
        spoil(wedge);
    }
    wedge->alt = 0;
    wedge->alt_begun = false;
}

// ---- keys

static unsigned modifier_of(uint16_t code)
{
    switch (code) {
    case KEY_LEFTSHIFT:
        return LEFT_SHIFT;
    case KEY_RIGHTSHIFT:
        return RIGHT_SHIFT;
    case KEY_LEFTCTRL:
        return LEFT_CTRL;
    case KEY_RIGHTCTRL:
        return RIGHT_CTRL;
    case KEY_LEFTALT:
        return LEFT_ALT;
    case KEY_RIGHTALT:
        return RIGHT_ALT;
    default:
        return 0;
    }
}

static void take_modifier(struct wedge *wedge, unsigned modifier, int32_t value)
{
    if (value == RELEASED) {
        wedge->modifiers &= ~modifier;
        if (modifier == LEFT_ALT) {
            end_alt(wedge);
        }
    } else {
        wedge->modifiers |= modifier;
    }
}

static unsigned ending_of(uint16_t code)
{
    return code == KEY_ENTER || code == KEY_KPENTER ? ENTER : code == KEY_TAB ? TAB : 0;
}

static void take_press(struct wedge *wedge, const struct key *key)
{
    bool shift = (wedge->modifiers & (LEFT_SHIFT | RIGHT_SHIFT)) != 0;
    bool ctrl = (wedge->modifiers & (LEFT_CTRL | RIGHT_CTRL)) != 0;
    bool alt = (wedge->modifiers & LEFT_ALT) != 0;
    bool altgr = (wedge->modifiers & RIGHT_ALT) != 0 || (ctrl && alt); // Windows takes both for AltGr
    note_press(wedge, key->time_us);
    if (ending_of(key->code) != 0 && wedge->modifiers == 0) {
        if ((ending_of(key->code) & wedge->endings) != 0) {
            end_burst(wedge);
        } else {
            take_character(wedge, ending_of(key->code) == TAB ? L'\t' : L'\r');
        }
    } else if (altgr) {
        take_character(wedge, shift ? 0 : tw_layout_key(wedge->layout, key->code, TW_KEY_ALTGR));
    } else if (ctrl) {
        take_control(wedge, key->code);
    } else if (alt) {
        take_alt_digit(wedge, key->code);
    } else {
        take_character(wedge, tw_layout_key(wedge->layout, key->code, shift ? TW_KEY_SHIFT : TW_KEY_PLAIN));
    }
}

static void take_key(struct wedge *wedge, const struct key *key)
{
    if (key->type == EV_SYN && key->code == SYN_DROPPED) {
        spoil(wedge);
        wedge->last_us = key->time_us;
    }
    if (key->type != EV_KEY) {
        return;
    }
    unsigned modifier = modifier_of(key->code);
    if (modifier != 0) {
        take_modifier(wedge, modifier, key->value);
    } else if (key->value == PRESSED) {
        take_press(wedge, key);
    } else if (key->value != RELEASED) {
        note_press(wedge, key->time_us);
        spoil(wedge); // a key that is held down: a person's
    }
}

static uint64_t get(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static int wedge_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                      struct tw_error_text *err)
{
    struct wedge *wedge = (struct wedge *)driver;
    (void)err;
    for (size_t i = 0; i < bytes.len; i++) {
        wedge->record[wedge->have++] = bytes.ptr[i];
        if (wedge->have == sizeof wedge->record) {
            const uint8_t *record = wedge->record;
            const struct key key = {get(record, 8), (uint16_t)get(record + 8, 2),
                                    (uint16_t)get(record + 10, 2), (int32_t)(uint32_t)get(record + 12, 4)};
            take_key(wedge, &key);
            wedge->have = 0;
        }
    }
    wedge->last_ms = now_ms;
    return 0;
}

// ---- life

static int64_t wedge_deadline(const struct tw_driver *driver)
{
    const struct wedge *wedge = (const struct wedge *)driver;
    return begun(wedge) ? wedge->last_ms + GAP_MS : INT64_MAX;
}

static int wedge_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    (void)err;
    if (now_ms >= wedge_deadline(driver)) {
        drop((struct wedge *)driver);
    }
    return 0;
}

static void wedge_lost(struct tw_driver *driver)
{
    struct wedge *wedge = (struct wedge *)driver;
    drop(wedge);
    explicit_bzero(wedge->record, sizeof wedge->record);
    wedge->have = 0;
    wedge->modifiers = 0;
}

static void wedge_free(struct tw_driver *driver)
{
    explicit_bzero(driver, sizeof(struct wedge));
    free(driver);
}

static const struct tw_driver_ops wedge_ops = {
    .opened = tw_driver_no_opened,
    .lost = wedge_lost,
    .feed = wedge_feed,
    .tick = wedge_tick,
    .deadline = wedge_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .free = wedge_free,
};

static int check(const struct tw_device_config *config, struct tw_error_text *err)
{
    const char *suffix = config->suffix;
    if (tw_layout_named(config->layout) == NULL) {
        return tw_fail(err, TW_ERR_INVALID, "device %s: `layout` is us, uk, de or fr, not %s; correct it",
                       config->name, config->layout);
    }
    if (suffix != NULL && strcmp(suffix, "\r") != 0 && strcmp(suffix, "\t") != 0) {
        return tw_fail(
            err, TW_ERR_INVALID,
            "device %s: `suffix` of a scanner that types is \"\\r\" (Enter) or \"\\t\" (Tab); correct it",
            config->name);
    }
    return tw_code_check(config, err);
}

int tw_wedge_scanner_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    int outcome = check(host->config, err);
    if (outcome != 0) {
        return outcome;
    }
    struct wedge *wedge = calloc(1, sizeof *wedge);
    if (wedge == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    wedge->driver = (struct tw_driver){.ops = &wedge_ops, .host = host};
    wedge->layout = tw_layout_named(host->config->layout);
    const char *suffix = host->config->suffix;
    wedge->endings = suffix == NULL ? ENTER | TAB : suffix[0] == '\r' ? ENTER : TAB;
    *out = &wedge->driver;
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
//
// What a key of a keyboard stands for, by the layout a keyboard-wedge scanner is set to.
//
// Threading: any; constant tables. Memory: none. Time: none. Errors: 0 for a key that stands for
// nothing.
#ifndef TW_SCANNER_KEYS_H
#define TW_SCANNER_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

enum tw_key_level { TW_KEY_PLAIN, TW_KEY_SHIFT, TW_KEY_ALTGR, TW_KEY_LEVELS };

struct tw_layout;

// "us", "uk", "de", "fr"; NULL means "us". NULL when there is no such layout.
const struct tw_layout *tw_layout_named(const char *name);

// The character of key `code` (linux/input-event-codes.h); a combining accent (U+0300 to U+036F)
// for a dead key; 0 for none.
wchar_t tw_layout_key(const struct tw_layout *layout, uint16_t code, enum tw_key_level level);

// The digit of a key of the number pad, or -1.
int tw_keypad_digit(uint16_t code);

#endif

// SPDX-License-Identifier: Apache-2.0
//
// The layouts are those of Windows, which scanners imitate: "United States" (KBDUS), "United Kingdom"
// (KBDUK), "German" (KBDGR; DIN 2137 T1) and "French (Legacy, AZERTY)" (KBDFR).
#include "hal/drivers/scanner/keys.h"

#include <assert.h>
#include <linux/input-event-codes.h>
#include <stddef.h>
#include <string.h>

// The keys that differ, in the order of the rows of a keyboard: 1 to =, Q to ], A to ', `, \, Z to /,
// and the key beside the left shift. A space stands for nothing.
enum { ROW_1 = 12, ROW_2 = 12, ROW_3 = 11, ROW_4 = 10, KEYS = ROW_1 + ROW_2 + ROW_3 + 2 + ROW_4 + 1 };

#define GRAVE      L"\u0300"
#define ACUTE      L"\u0301"
#define CIRCUMFLEX L"\u0302"
#define TILDE      L"\u0303"
#define DIAERESIS  L"\u0308"
#define NO_ROW_4   L"          "

struct tw_layout {
    const char *name;
    wchar_t keys[TW_KEY_LEVELS][KEYS + 1];
};

static const struct tw_layout layouts[] = {
    {"us",
     {L"1234567890-="
      L"qwertyuiop[]"
      L"asdfghjkl;'"
      L"`"
      L"\\"
      L"zxcvbnm,./"
      L" ",
      L"!@#$%^&*()_+"
      L"QWERTYUIOP{}"
      L"ASDFGHJKL:\""
      L"~"
      L"|"
      L"ZXCVBNM<>?"
      L" ",
      L""}},
    {"uk",
     {L"1234567890-="
      L"qwertyuiop[]"
      L"asdfghjkl;'"
      L"`"
      L"#"
      L"zxcvbnm,./"
      L"\\",
      L"!\"\u00a3$%^&*()_+"
      L"QWERTYUIOP{}"
      L"ASDFGHJKL:@"
      L"\u00ac"
      L"~"
      L"ZXCVBNM<>?"
      L"|",
      L"   \u20ac        "}},
    {"de",
     {L"1234567890\u00df" ACUTE L"qwertzuiop\u00fc+"
      L"asdfghjkl\u00f6\u00e4" CIRCUMFLEX L"#"
      L"yxcvbnm,.-"
      L"<",
      L"!\"\u00a7$%&/()=?" GRAVE L"QWERTZUIOP\u00dc*"
      L"ASDFGHJKL\u00d6\u00c4"
      L"\u00b0"
      L"'"
      L"YXCVBNM;:_"
      L">",
      L" \u00b2\u00b3   {[]}\\ "
      L"@ \u20ac        ~"
      L"           "
      L" "
      L" "
      L"      \u00b5   "
      L"|"}},
    {"fr",
     {L"&\u00e9\"'(-\u00e8_\u00e7\u00e0)="
      L"azertyuiop" CIRCUMFLEX L"$"
      L"qsdfghjklm\u00f9"
      L"\u00b2"
      L"*"
      L"wxcvbn,;:!"
      L"<",
      L"1234567890\u00b0+"
      L"AZERTYUIOP" DIAERESIS L"\u00a3"
      L"QSDFGHJKLM%"
      L" "
      L"\u00b5"
      L"WXCVBN?./\u00a7"
      L">",
      L" " TILDE L"#{[|" GRAVE L"\\^@]}"
      L"  \u20ac        \u00a4"}},
};

const struct tw_layout *tw_layout_named(const char *name)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (name == NULL || strcmp(layouts[i].name, name) == 0) {
            return &layouts[i];
        }
    }
    return NULL;
}

struct run { // of key codes that follow each other
    uint16_t first, len, at;
};

static const struct run runs[] = {
    {KEY_1, ROW_1, 0},
    {KEY_Q, ROW_2, ROW_1},
    {KEY_A, ROW_3, ROW_1 + ROW_2},
    {KEY_GRAVE, 1, ROW_1 + ROW_2 + ROW_3},
    {KEY_BACKSLASH, 1, ROW_1 + ROW_2 + ROW_3 + 1},
    {KEY_Z, ROW_4, ROW_1 + ROW_2 + ROW_3 + 2},
    {KEY_102ND, 1, ROW_1 + ROW_2 + ROW_3 + 2 + ROW_4},
};

static_assert(KEY_1 + ROW_1 - 1 == KEY_EQUAL && KEY_Q + ROW_2 - 1 == KEY_RIGHTBRACE, "rows of keys");
static_assert(KEY_A + ROW_3 - 1 == KEY_APOSTROPHE && KEY_Z + ROW_4 - 1 == KEY_SLASH, "rows of keys");

int tw_keypad_digit(uint16_t code)
{
    if (code >= KEY_KP7 && code <= KEY_KP9) {
        return 7 + (code - KEY_KP7);
    }
    if (code >= KEY_KP4 && code <= KEY_KP6) {
        return 4 + (code - KEY_KP4);
    }
    if (code >= KEY_KP1 && code <= KEY_KP3) {
        return 1 + (code - KEY_KP1);
    }
    return code == KEY_KP0 ? 0 : -1;
}

// Keys that are the same in every layout.
static wchar_t common_key(uint16_t code)
{
    switch (code) {
    case KEY_SPACE:
        return L' ';
    case KEY_KPASTERISK:
        return L'*';
    case KEY_KPSLASH:
        return L'/';
    case KEY_KPMINUS:
        return L'-';
    case KEY_KPPLUS:
        return L'+';
    case KEY_KPDOT:
        return L'.';
    default:
        return tw_keypad_digit(code) >= 0 ? L'0' + tw_keypad_digit(code) : 0;
    }
}

wchar_t tw_layout_key(const struct tw_layout *layout, uint16_t code, enum tw_key_level level)
{
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        const struct run *run = &runs[i];
        if (code >= run->first && code < run->first + run->len) {
            wchar_t key = layout->keys[level][run->at + (code - run->first)];
            return key != L' ' ? key : 0;
        }
    }
    return common_key(code);
}

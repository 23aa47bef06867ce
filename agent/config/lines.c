// SPDX-License-Identifier: Apache-2.0
#include "agent/config/lines.h"

#include <stdlib.h>
#include <string.h>

// What the boards' UARTs do (firmware/README.md).
enum { LEAST_BAUD = 1200, MOST_BAUD = 921600 };

static int take_word(const struct tw_config_memory *memory, const char *key, const char *word,
                     const char *const *words, const char *remedy, uint8_t *out)
{
    if (word == NULL || word[0] == '\0') {
        return TW_OK;
    }
    for (uint8_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            *out = i;
            return TW_OK;
        }
    }
    return tw_config_bad_value(memory, key, word, remedy);
}

static int bad_number(const struct tw_config_memory *memory, const char *key, uint32_t value,
                      const char *remedy)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", value);
    return tw_config_bad_value(memory, key, text, remedy);
}

static int take_small(const struct tw_config_memory *memory, const char *key, const uint32_t *value,
                      uint32_t least, const char *remedy, uint8_t *out)
{
    if (value == NULL) {
        return TW_OK;
    }
    if (*value < least || *value > least + 1) {
        return bad_number(memory, key, *value, remedy);
    }
    *out = (uint8_t)*value;
    return TW_OK;
}

static int merge_line(const struct tw_config_memory *memory, struct tw_link_line *into,
                      const struct tw_file_line *from)
{
    // In the order of enum tw_link_parity and enum tw_link_flow.
    static const char *const parities[] = {"none", "even", "odd", NULL};
    static const char *const flows[] = {"none", "rtscts", "xonxoff", "dtrdsr", NULL};
    if (from == NULL) {
        return TW_OK;
    }
    if (into->bits == 0) {
        *into = (struct tw_link_line){.bits = 8, .stop = 1};
    }
    if (from->baud != NULL && *from->baud != 0 && (*from->baud < LEAST_BAUD || *from->baud > MOST_BAUD)) {
        return bad_number(memory, "baud", *from->baud,
                          "use 1200 to 921600, or 0 where the board is to find it");
    }
    into->baud = from->baud != NULL ? *from->baud : into->baud;
    int rc = take_small(memory, "bits", from->bits, 7, "use 7 or 8", &into->bits);
    rc = rc != TW_OK ? rc : take_small(memory, "stop", from->stop, 1, "use 1 or 2", &into->stop);
    rc = rc != TW_OK
             ? rc
             : take_word(memory, "parity", from->parity, parities, "use none, even or odd", &into->parity);
    return rc != TW_OK ? rc
                       : take_word(memory, "flow", from->flow, flows, "use none, rtscts, xonxoff or dtrdsr",
                                   &into->flow);
}

int tw_config_merge_lines(const struct tw_config_memory *memory, struct tw_device_config *into,
                          const struct tw_file_device *from)
{
    int rc = merge_line(memory, &into->till, from->till);
    rc = rc != TW_OK ? rc : merge_line(memory, &into->printer, from->printer);
    return rc != TW_OK ? rc : merge_line(memory, &into->scanner, from->scanner);
}

// A board's UART sends 8 or 9 bits, parity included (RM0090, USART_CR1.M): 7 come only with it.
static int check_form(const struct tw_config_memory *memory, const struct tw_link_line *line)
{
    return line->bits == 7 && line->parity == TW_LINK_PARITY_NONE
               ? bad_number(memory, "bits", 7, "use 8 bits, or even or odd parity")
               : TW_OK;
}

int tw_config_check_lines(const struct tw_config_memory *memory, const struct tw_device_config *device)
{
    char where[512];
    const char *key = device->till.bits != 0      ? "till"
                      : device->printer.bits != 0 ? "printer"
                      : device->scanner.bits != 0 ? "scanner"
                                                  : NULL;
    bool is_board = strcmp(device->class_name, "tap") == 0 && device->forward == NULL;
    if (key == NULL || is_board) {
        int rc = check_form(memory, &device->till);
        rc = rc != TW_OK ? rc : check_form(memory, &device->printer);
        return rc != TW_OK ? rc : check_form(memory, &device->scanner);
    }
    return tw_fail(
        memory->err, TW_ERR_INVALID,
        "%s: device '%s' has the key '%s', which sets a line of a tap that is a board; leave it out",
        tw_config_place(memory, key, NULL, where), device->name, key);
}

// SPDX-License-Identifier: Apache-2.0
//
// Numbers in a line, read with either decimal separator: each lies in the line with its digits behind those
// of the one before (a currency between two belongs to both), and its text fits.
#include "agent/decode/amount.h"
#include "tests/fuzz/target.h"

static void check_number(const struct tw_number *number, size_t from, size_t size)
{
    char text[32] = "";
    fuzz_require(number->begin <= number->digits && number->digits < number->end && number->end <= size);
    fuzz_require(number->digits >= from);
    if (number->kind != TW_NUMBER_OTHER) {
        size_t len = tw_number_text(number, text, sizeof text);
        fuzz_require(len < sizeof text && strlen(text) == len);
        (void)tw_number_times(number, 199);
    }
}

static void read_line(struct tw_slice line, char decimal)
{
    struct tw_number numbers[TW_NUMBERS_MAX];
    size_t count = tw_number_find(line, decimal, numbers, TW_NUMBERS_MAX);
    size_t from = 0;
    fuzz_require(count <= TW_NUMBERS_MAX);
    for (size_t i = 0; i < count; i++) {
        check_number(&numbers[i], from, line.len);
        from = numbers[i].end;
        (void)tw_amount_is_last(line, from);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_slice line = tw_slice_make(data, size < 1024 ? size : 1024); // longer ones are never printed
    read_line(line, '.');
    read_line(line, ',');
    (void)tw_decimal_vote(line);
    for (size_t at = 0; at < line.len; at++) {
        fuzz_require(at + tw_currency_at(line, at) <= line.len);
    }
    return 0;
}

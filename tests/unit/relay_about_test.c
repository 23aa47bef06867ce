// SPDX-License-Identifier: Apache-2.0
//
// What the relay says of itself over the link, and what it politely does not do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/port/linux/about.h"

struct rig {
    struct tw_about about;
    struct tw_tap tap;
    uint8_t ring[1024];
    struct tw_tap_record records[16];
    uint8_t sequence;
    // What the relay said last.
    struct tw_link_info info;
    struct tw_link_update update;
    unsigned infos, updates;
};

static const uint8_t boot[16] = {1, 2, 3};

static void ask(struct rig *rig, uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t bytes[2048];
    tw_tap_receive(&rig->tap, bytes, tw_link_encode(type, rig->sequence++, payload, len, bytes));
    struct tw_link_decoder decoder = {.len = 0};
    size_t said = tw_tap_transmit(&rig->tap, bytes, sizeof bytes);
    for (size_t i = 0; i < said; i++) {
        struct tw_link_frame frame = {.type = 0};
        (void)tw_link_decode(&decoder, bytes[i], &frame);
        if (frame.type == TW_LINK_INFO) {
            tw_link_get_info(frame.payload, &rig->info);
            rig->infos++;
        } else if (frame.type == TW_LINK_UPDATE_STATE) {
            tw_link_get_update(frame.payload, &rig->update);
            rig->updates++;
        }
    }
}

static struct rig *new_rig(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    const struct tw_tap_memory memory = {rig->ring, sizeof rig->ring, rig->records, 16};
    tw_tap_init(&rig->tap, &memory, boot);
    tw_about_init(&rig->about, &rig->tap, 7000000);
    tw_tap_attach(&rig->tap, 9000000);
    return rig;
}

static void start(struct rig *rig)
{
    uint8_t payload[24] = {0};
    memcpy(payload, boot, sizeof boot);
    ask(rig, TW_LINK_START, payload, sizeof payload);
}

static void info_names_the_release(void **state)
{
    (void)state;
    struct rig *rig = new_rig();
    char version[32];
    start(rig);
    assert_int_equal(rig->infos, 1);
    assert_int_equal(rig->info.board, TW_LINK_BOARD_LINUX);
    assert_int_equal(rig->info.slot, 0);
    assert_int_equal(rig->info.state, TW_LINK_CONFIRMED);
    assert_int_equal(rig->info.uptime_us, 2000000);
    (void)snprintf(version, sizeof version, "%u.%u.%u", rig->info.firmware >> 16,
                   rig->info.firmware >> 8 & 255, rig->info.firmware & 255);
    assert_string_equal(version, TW_VERSION);
    const struct tw_link_settings none = {.till = {0}};
    assert_memory_equal(&rig->info.lines, &none, sizeof none);
    free(rig);
}

static void info_names_the_serial_ports(void **state)
{
    (void)state;
    const struct {
        struct tw_serial_form form;
        enum tw_line_flow flow;
        struct tw_link_line line;
    } cases[] = {
        {{9600, 0, 0, NULL}, TW_LINE_FREE, {9600, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_NONE}},
        {{115200, 8, 1, "none"}, TW_LINE_RTSCTS, {115200, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_RTSCTS}},
        {{38400, 7, 2, "even"}, TW_LINE_XONXOFF, {38400, 7, TW_LINK_PARITY_EVEN, 2, TW_LINK_FLOW_XONXOFF}},
        {{1200, 7, 1, "odd"}, TW_LINE_DTRDSR, {1200, 7, TW_LINK_PARITY_ODD, 1, TW_LINK_FLOW_DTRDSR}},
        {{1200, 5, 1, "mark"}, TW_LINE_FREE, {1200, 5, TW_LINK_PARITY_MARK, 1, TW_LINK_FLOW_NONE}},
        {{1200, 6, 1, "space"}, TW_LINE_FREE, {1200, 6, TW_LINK_PARITY_SPACE, 1, TW_LINK_FLOW_NONE}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *rig = new_rig();
        tw_about_line(&rig->about, &cases[i].form, cases[i].flow);
        start(rig);
        assert_memory_equal(&rig->info.lines.till, &cases[i].line, sizeof cases[i].line);
        assert_memory_equal(&rig->info.lines.printer, &cases[i].line, sizeof cases[i].line);
        assert_int_equal(rig->info.lines.scanner.bits, 0);
        free(rig);
    }
}

static void an_update_is_refused_with_a_reason(void **state)
{
    (void)state;
    struct rig *rig = new_rig();
    const uint8_t payload[TW_LINK_UPDATE_BEGIN_BYTES] = {0, 1};
    start(rig);
    for (unsigned i = 1; i <= 2; i++) {
        ask(rig, TW_LINK_UPDATE_BEGIN, payload, sizeof payload);
        assert_int_equal(rig->updates, i);
        assert_int_equal(rig->update.state, TW_UPDATE_FAILED);
        assert_int_equal(rig->update.reason, TW_UPDATE_NOT_HERE);
    }
    assert_int_equal(rig->tap.state, TW_TAP_STREAMING);
    free(rig);
}

static void settings_are_the_configuration_files(void **state)
{
    (void)state;
    struct rig *rig = new_rig();
    const struct tw_serial_form form = {9600, 8, 1, NULL};
    const struct tw_link_settings wanted = {.till = {19200, 8, 0, 1, 0}};
    uint8_t payload[TW_LINK_CONFIG_BYTES];
    tw_link_put_settings(payload, &wanted);
    tw_about_line(&rig->about, &form, TW_LINE_FREE);
    start(rig);
    ask(rig, TW_LINK_CONFIG, payload, sizeof payload);
    assert_int_equal(rig->infos, 2);
    assert_int_equal(rig->info.lines.till.baud, 9600);
    assert_int_equal(rig->info.bad_frames, 1);
    assert_int_equal(rig->tap.state, TW_TAP_STREAMING);
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_names_the_release),
        cmocka_unit_test(info_names_the_serial_ports),
        cmocka_unit_test(an_update_is_refused_with_a_reason),
        cmocka_unit_test(settings_are_the_configuration_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

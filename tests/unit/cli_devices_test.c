// SPDX-License-Identifier: Apache-2.0
//
// `tillwire devices` against a real desk: what it prints, and its exit codes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fakes/cli_rig.h"
#include "tillwire/tap_image.h"

static void shows_devices(void **state)
{
    struct cli *f = *state;
    assert_int_equal(cli_run_with_desk(f, "devices", ""), 0);
    cli_expect_text(f->out, "No devices are configured");
    f->world->lane.devices =
        "[{\"name\":\"scanner\",\"class\":\"scanner\",\"transport\":\"serial\",\"state\":\"ready\","
        "\"why\":null,\"last_byte_s\":150,\"bytes\":2048,\"errors\":1,\"reopens\":2}]";
    assert_int_equal(cli_run_with_desk(f, "devices", ""), 0);
    cli_expect_text(f->out,
                    "scanner          scanner  serial    ready      2 min    2.0 KiB       1        2\n");
    f->world->lane.devices =
        "[{\"name\":\"scanner\",\"class\":\"scanner\",\"transport\":\"hidraw\",\"state\":\"lost\","
        "\"why\":\"plug\\u001b[2J it in\",\"last_byte_s\":null}]";
    assert_int_equal(cli_run_with_desk(f, "devices", ""), 1);
    assert_int_equal(cli_run_with_desk(f, "devices --json", ""), 1);
    cli_expect_text(f->out, "{\"devices\":[{\"name\":\"scanner\"");
}

static void replays_a_recording(void **state)
{
    struct cli *f = *state;
    static const char recording[] = "class scanner\ntransport serial\n0 up\n100 < \"]E04006381333931\\r\"\n"
                                    "200 < \"" PAN "\\r\"\n300 down\n900 up\n1000 < \"42\\r\"\n";
    assert_int_equal(cli_run(f, "devices replay in --speed 0", recording), 0);
    cli_expect_text(f->out, "     0.100  scan, 13 characters, EAN-13: ]E04006381333931\n");
    cli_expect_text(f->out, "     0.200  scan, 16 characters: ************1111\n"); // P6
    cli_expect_text(f->out, "     0.300  gone\n     0.900  plugged in\n     1.000  scan, 2 characters: 42\n");
    cli_expect_text(f->out, "3 scans of 37 bytes; 0 refused");
    assert_int_equal(cli_run(f, "devices replay in --speed 20 --json", recording), 0);
    cli_expect_text(f->out, "{\"transport\":\"serial\",\"bytes\":37,\"scans\":[{\"at_ms\":100,"
                            "\"code\":\"]E04006381333931\",\"symbology\":\"EAN-13\"},");
    assert_int_equal(cli_run(f, "devices replay in --speed 0", "class scanner\ntransport serial\n0 up\n"), 1);
    cli_expect_text(f->out, "0 scans");
}

#define PRINTER                                                                                              \
    "{\"name\":\"printer\",\"class\":\"tap\",\"transport\":\"serial\",\"state\":\"ready\",\"why\":null,"

static void shows_what_a_tap_says(void **state)
{
    struct cli *f = *state;
    f->world->lane.devices =
        "[" PRINTER
        "\"tap\":{\"firmware\":\"1.2.0\",\"board\":\"stm32f405\",\"slot\":\"b\",\"trial\":\"confirmed\","
        "\"uptime_s\":7200,\"overruns\":1,\"lost_bytes\":2,\"lost_scans\":3,"
        "\"till\":{\"baud\":19200,\"bits\":7,\"parity\":\"even\",\"stop\":1,\"flow\":\"rtscts\"},"
        "\"printer\":{\"baud\":0,\"bits\":8,\"parity\":\"none\",\"stop\":2,\"flow\":\"none\"},\"scanner\":"
        "null}}]";
    assert_int_equal(cli_run_with_desk(f, "devices", ""), 0);
    cli_expect_text(f->out,
                    "* printer: firmware 1.2.0 on stm32f405 (place b, confirmed), up 2 h; 1 bytes overrun, "
                    "2 bytes and 3 scans lost; till 19200 7E1 rtscts; printer of unknown speed 8N2.\n");
    f->world->lane.devices = "[" PRINTER "\"tap\":null}]";
    assert_int_equal(cli_run_with_desk(f, "devices", ""), 0);
    assert_null(strstr(f->out, "firmware"));
}

#define UPDATE(state, why)                                                                                   \
    "[" PRINTER "\"update\":{\"state\":\"" state                                                             \
    "\",\"version\":\"1.1.0\",\"sent\":9,\"bytes\":9,\"why\":" why "}}]"

static void an_update_is_followed_to_its_end(void **state)
{
    struct cli *f = *state;
    static const struct {
        const char *then;
        int exit;
        const char *out, *err, *json;
    } cases[] = {
        {UPDATE("confirmed", "null"), 0, "printer runs firmware 1.1.0, confirmed.\n", "",
         "{\"device\":\"printer\",\"version\":\"1.1.0\",\"state\":\"confirmed\",\"confirmed\":true,\"why\":"
         "null}\n"},
        {UPDATE("reverted", "\"it went back\""), 1, "", "printer was not updated: it went back\n",
         "\"state\":\"reverted\",\"confirmed\":false,\"why\":\"it went back\"}\n"},
        {UPDATE("failed", "\"too old\""), 1, "", "printer was not updated: too old\n",
         "\"state\":\"failed\""},
        {"[" PRINTER "\"update\":null}]", 1, "", "was started anew meanwhile",
         "\"version\":null,\"state\":\"unknown\",\"confirmed\":false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->world->lane.devices = UPDATE("trial", "null");
        f->world->lane.later = cases[i].then;
        assert_int_equal(cli_run_with_desk(f, "devices update printer in", TW_IMAGE_FILE_MAGIC "x"),
                         cases[i].exit);
        assert_int_equal(f->world->lane.update_bytes, sizeof TW_IMAGE_FILE_MAGIC);
        cli_expect_text(f->out,
                        "The agent sends it to printer; printing goes on meanwhile.\nThe new firmware runs");
        cli_expect_text(f->out, cases[i].out);
        cli_expect_text(f->err, cases[i].err);
        f->world->lane.devices = UPDATE("sending", "null");
        assert_int_equal(cli_run_with_desk(f, "devices update printer in --json", TW_IMAGE_FILE_MAGIC "x"),
                         cases[i].exit);
        cli_expect_text(f->out, cases[i].json);
    }
}

static void an_update_that_cannot_begin_says_why(void **state)
{
    struct cli *f = *state;
    assert_int_equal(cli_run_with_desk(f, "devices update printer in", "no update"), 2);
    cli_expect_text(f->err, "in is no update file for taps (.twtap)");
    assert_int_equal(cli_run_with_desk(f, "devices update printer nothing", ""), 2);
    cli_expect_text(f->err, "cannot read nothing");
    assert_int_equal(cli_run_with_desk(f, "devices update printer", ""), 2);
    cli_expect_text(f->err, "name the DEVICE and the IMAGE");
    assert_int_equal(cli_run_with_desk(f, "devices update 'a b' in", TW_IMAGE_FILE_MAGIC), 2);
    assert_int_equal(f->world->lane.update_bytes, 0);
    f->world->lane.update_error = TW_ERR_MISMATCH;
    assert_int_equal(cli_run_with_desk(f, "devices update printer in", TW_IMAGE_FILE_MAGIC), 1);
    cli_expect_text(f->err, "the lane says why");
    assert_int_equal(cli_run(f, "devices update printer in --socket /nonexistent/s", TW_IMAGE_FILE_MAGIC), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cli_set_up, cli_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(shows_devices),
        TEST(replays_a_recording),
        TEST(shows_what_a_tap_says),
        TEST(an_update_is_followed_to_its_end),
        TEST(an_update_that_cannot_begin_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/line_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fake_modem *modems; // mapped once, for the program

uint64_t line_rig_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void line_rig_add(struct line_rig_heap *heap, const void *bytes, size_t len)
{
    assert_true(heap->len + len <= sizeof heap->bytes);
    memcpy(heap->bytes + heap->len, bytes, len);
    heap->len += len;
}

void line_rig_add_random(struct line_rig_heap *heap, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint8_t byte = (uint8_t)(seed >> 24);
        line_rig_add(heap, &byte, 1);
    }
}

// ---- the far ends

void line_rig_plug(struct fake_pty *pty)
{
    fake_pty_plug(pty);
    assert_int_equal(fcntl(pty->far, F_SETFL, O_NONBLOCK), 0);
}

static void send_some(int far, struct line_rig_heap *heap, size_t most)
{
    size_t len = heap->len - heap->sent < most ? heap->len - heap->sent : most;
    ssize_t put = far >= 0 && len > 0 ? write(far, heap->bytes + heap->sent, len) : 0;
    heap->sent += put > 0 ? (size_t)put : 0;
}

static size_t take_some(int far, uint8_t *out, size_t cap)
{
    ssize_t got = far >= 0 ? read(far, out, cap) : -1;
    return got > 0 ? (size_t)got : 0;
}

static void hear_till(struct line_rig *rig)
{
    uint8_t bytes[4096] = {0};
    size_t len = take_some(rig->till.far, bytes, sizeof bytes);
    for (size_t i = 0; i < len; i++) {
        bool flow = rig->till_obeys && (bytes[i] == XON || bytes[i] == XOFF);
        if (flow) {
            rig->till_stopped = bytes[i] == XOFF;
            rig->xoffs += bytes[i] == XOFF;
            rig->xons += bytes[i] == XON;
        } else {
            line_rig_add(&rig->answered, &bytes[i], 1);
        }
    }
}

static void turn_far(struct line_rig *rig)
{
    if (!rig->till_stopped) {
        send_some(rig->till.far, &rig->to_print, 512); // a till's FIFO, generously
    }
    send_some(rig->printer.far, &rig->to_answer, 512);
    if (!rig->printer_stalled) {
        uint8_t bytes[4096] = {0};
        line_rig_add(&rig->printed, bytes, take_some(rig->printer.far, bytes, sizeof bytes));
    }
    hear_till(rig);
}

// ---- the relay's loop

void line_rig_turn(struct line_rig *rig)
{
    struct tw_route *route = &rig->line.route;
    struct pollfd entries[TW_ROUTE_ENTRIES];
    turn_far(rig);
    route->ops->interest(route, entries);
    int woken = poll(entries, TW_ROUTE_ENTRIES, 1);
    rig->idle_wakes = woken > 0 ? rig->idle_wakes + 1 : 0;
    route->ops->work(route, entries, line_rig_now_us());
    if (line_rig_now_us() >= route->ops->deadline_us(route)) {
        route->ops->tick(route, line_rig_now_us());
    }
}

void line_rig_turns(struct line_rig *rig, int count)
{
    for (int i = 0; i < count; i++) {
        line_rig_turn(rig);
    }
}

struct line_rig *line_rig_new(enum tw_line_flow flow, bool plugged)
{
    struct line_rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    struct tw_tap_memory memory = {rig->ring, sizeof rig->ring, rig->records, LINE_RIG_RECORDS};
    const uint8_t boot[16] = {1};
    tw_tap_init(&rig->tap, &memory, boot);
    line_rig_plug(&rig->till);
    line_rig_plug(&rig->printer);
    if (!plugged) {
        fake_pty_unplug(&rig->till);
        fake_pty_unplug(&rig->printer);
    }
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    tw_line_init(&rig->line, "printer", rig->till.link, rig->printer.link, event, &rig->tap);
    const struct tw_serial_form form = {.baud = 115200};
    tw_line_start(&rig->line, &form, flow, line_rig_now_us());
    rig->till_obeys = flow == TW_LINE_XONXOFF;
    return rig;
}

void line_rig_free(struct line_rig *rig)
{
    rig->line.route.ops->end(&rig->line.route, line_rig_now_us());
    fake_pty_remove(&rig->till);
    fake_pty_remove(&rig->printer);
    memset(modems, 0, sizeof(struct fake_modem[FAKE_MODEMS]));
    free(rig);
}

void line_rig_assert_same(const struct line_rig_heap *a, const struct line_rig_heap *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

// The copy is what the printer's port took, from the first byte on.
void line_rig_assert_copied(const struct line_rig *rig)
{
    assert_int_equal(rig->tap.next, rig->to_print.len);
    assert_memory_equal(rig->ring, rig->to_print.bytes, rig->to_print.len);
}

unsigned line_rig_marks(const struct line_rig *rig, enum tw_link_mark what)
{
    unsigned count = 0;
    for (uint64_t i = rig->tap.record_first; i < rig->tap.record_next; i++) {
        count += rig->records[i % LINE_RIG_RECORDS].what == (uint8_t)what;
    }
    return count;
}

static struct fake_modem *give_lines(struct fake_pty *pty, unsigned slot)
{
    struct stat status;
    assert_int_equal(stat(pty->link, &status), 0);
    modems[slot] = (struct fake_modem){
        .device = (uint64_t)status.st_rdev, .shown = READY_LINES, .raised = TIOCM_RTS | TIOCM_DTR};
    return &modems[slot];
}

struct line_rig *line_rig_new_with_lines(enum tw_line_flow flow, struct fake_modem *out[2])
{
    struct line_rig *rig = line_rig_new(flow, false);
    line_rig_plug(&rig->till);
    line_rig_plug(&rig->printer);
    out[0] = give_lines(&rig->till, 0);
    out[1] = give_lines(&rig->printer, 1);
    UNTIL(rig, rig->line.till.fd >= 0 && rig->line.printer.fd >= 0);
    return rig;
}

uint32_t line_rig_raised(const struct fake_modem *modem)
{
    return __atomic_load_n(&modem->raised, __ATOMIC_SEQ_CST);
}

void line_rig_show(struct fake_modem *modem, uint32_t lines)
{
    __atomic_store_n(&modem->shown, lines, __ATOMIC_SEQ_CST);
}

int line_rig_map_modems(void)
{
    char path[] = "/tmp/tillwire-modem-XXXXXX";
    int fd = mkstemp(path);
    size_t bytes = sizeof(struct fake_modem[FAKE_MODEMS]);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0 || setenv("TILLWIRE_MODEM", path, 1) != 0) {
        return -1;
    }
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int lines = 0;
    (void)ioctl(fd, TIOCMGET, &lines); // the shim maps it now
    (void)close(fd);
    (void)unlink(path);
    modems = memory;
    return memory == MAP_FAILED ? -1 : 0;
}

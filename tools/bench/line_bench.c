// SPDX-License-Identifier: Apache-2.0
//
// How long bytes take through a line: writes chunks to one descriptor at the pace of a serial line, or of
// a till, and sees them come out of another. One thread that never sleeps, so that what is measured is
// the line and not the waking up of whoever measures.
//
//   line_bench --out FD --in FD --chunk BYTES --every-ns NS --count CHUNKS [--witness PROCESSOR]
//
// Prints p50_us, p99_us and max_us of the time from before a chunk's write to its last byte's read, and
// `wrong`: bytes that were not what was sent. With a witness on the processor of what is measured (gaps.h),
// these are of the chunks during which both processors were there (of all when there was none); `left_out`
// counts the others, and all_p99_us is of all.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/bench/figures.h"
#include "tools/bench/gaps.h"

enum { MOST_BYTES = 1024, MOST_CHUNKS = 1 << 20, PATIENCE_S = 10 };

#define NO_WITNESS ULONG_MAX

struct line {
    int out, in;
    size_t chunk;
    uint64_t written, came, wrong; // bytes
    int64_t *sent_ns, *came_ns;    // of each chunk
    struct bench_gaps gaps;
};

// A byte that tells where it stands; no XON, no XOFF.
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(0x20 + offset % 0x5f);
}

static void send_chunk(struct line *line, int64_t *sent_ns)
{
    uint8_t bytes[MOST_BYTES];
    for (size_t i = 0; i < line->chunk; i++) {
        bytes[i] = byte_at(line->written + i);
    }
    *sent_ns = bench_now_ns();
    if (write(line->out, bytes, line->chunk) != (ssize_t)line->chunk) {
        bench_stop("line_bench: writing", strerror(errno));
    }
    line->written += line->chunk;
}

static void take(struct line *line)
{
    uint8_t bytes[4096];
    ssize_t got = read(line->in, bytes, sizeof bytes);
    int64_t now_ns = bench_now_ns();
    if (got < 0 && errno != EAGAIN) {
        bench_stop("line_bench: reading", strerror(errno));
    }
    for (ssize_t i = 0; i < got; i++) {
        line->wrong += bytes[i] != byte_at(line->came);
        line->came++;
        if (line->chunk > 0 && line->came % line->chunk == 0) {
            line->came_ns[line->came / line->chunk - 1] = now_ns;
        }
    }
}

static void run(struct line *line, uint64_t count, int64_t every_ns)
{
    int64_t next_ns = bench_now_ns();
    int64_t end_ns = next_ns + (int64_t)count * every_ns + (int64_t)PATIENCE_S * 1000000000;
    uint64_t chunks = 0;
    while (line->came < count * line->chunk) {
        int64_t now_ns = bench_now_ns();
        bench_gaps_see(&line->gaps, now_ns);
        if (chunks < count && now_ns >= next_ns) {
            send_chunk(line, &line->sent_ns[chunks]);
            chunks++;
            next_ns += every_ns;
        }
        take(line);
        (void)sched_yield(); // the kernel's own worker carries the bytes of a pseudo terminal
        if (now_ns > end_ns) {
            bench_stop("line_bench", "not all bytes came through");
        }
    }
}

// The times of all chunks, or of those that no gap touches.
static void collect(const struct line *line, uint64_t count, const struct bench_gaps *away,
                    struct bench_took *took)
{
    for (uint64_t i = 0; i < count; i++) {
        int64_t from_ns = line->sent_ns[i];
        int64_t to_ns = line->came_ns[i];
        if (away == NULL ||
            (!bench_gaps_touch(&line->gaps, from_ns, to_ns) && !bench_gaps_touch(away, from_ns, to_ns))) {
            bench_took_add(took, to_ns - from_ns);
        }
    }
}

static void print(const struct line *line, uint64_t count, const struct bench_gaps *away, double seconds)
{
    struct bench_took all, undisturbed;
    bench_took_new(&all, count);
    bench_took_new(&undisturbed, count);
    collect(line, count, NULL, &all);
    collect(line, count, away, &undisturbed);
    (void)printf("{\"chunks\": %" PRIu64 ", \"wrong\": %" PRIu64
                 ", \"left_out\": %zu, \"all_p99_us\": %.1f, ",
                 count, line->wrong, all.count - undisturbed.count, bench_took_at(&all, 0.99));
    bench_took_print(undisturbed.count > 0 ? &undisturbed : &all, (double)count / seconds);
    (void)printf("}\n");
    bench_took_free(&all);
    bench_took_free(&undisturbed);
}

int main(int argc, char **argv)
{
    static int64_t sent_ns[MOST_CHUNKS], came_ns[MOST_CHUNKS];
    struct line line = {.out = (int)bench_number(argc, argv, "--out", 0),
                        .in = (int)bench_number(argc, argv, "--in", 1),
                        .chunk = bench_number(argc, argv, "--chunk", 1),
                        .sent_ns = sent_ns,
                        .came_ns = came_ns};
    uint64_t count = bench_number(argc, argv, "--count", 1000);
    unsigned long processor = bench_number(argc, argv, "--witness", NO_WITNESS);
    if (line.chunk < 1 || line.chunk > MOST_BYTES || count > MOST_CHUNKS) {
        bench_stop("line_bench", "--chunk is 1 to 1024, --count at most 1048576");
    }
    struct bench_witness witness;
    if (processor != NO_WITNESS) {
        bench_witness_start(&witness, (unsigned)processor);
    }
    bench_gaps_new(&line.gaps, MOST_CHUNKS);
    int64_t began_ns = bench_now_ns();
    run(&line, count, (int64_t)bench_number(argc, argv, "--every-ns", 1000000));
    double seconds = (double)(bench_now_ns() - began_ns) / 1e9;
    if (processor != NO_WITNESS) {
        bench_witness_stop(&witness);
    }
    print(&line, count, processor != NO_WITNESS ? &witness.gaps : NULL, seconds);
    bench_gaps_free(&line.gaps);
    if (processor != NO_WITNESS) {
        bench_gaps_free(&witness.gaps);
    }
    return 0;
}

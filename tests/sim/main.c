// SPDX-License-Identifier: Apache-2.0
//
// The simulator's command line: see usage below, and README.md for what is simulated.
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/history.h"

enum { DAYS_DEFAULT = 200, DAYS_OF_ONE = 1000, MEMORY_KEPT = 256 << 20 };

struct options {
    uint64_t first, days;
    bool only, trace;
};

static int usage(int code)
{
    (void)fputs("usage: sim [--days N] [--from SEED] [--only SEED] [--trace]\n"
                "  --days N      play histories until at least N store-days have passed (default 200)\n"
                "  --from SEED   the first history's seed; those after it count up (default 1); also --seed\n"
                "  --only SEED   play this history alone, whole\n"
                "  --trace       tell what happens\n"
                "Prints one JSON object. Exit codes: 0 every promise held, 1 one was broken, 2 usage.\n",
                code == 0 ? stdout : stderr);
    return code;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"days", required_argument, NULL, 'd'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"seed", required_argument, NULL, 'f'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'd') {
            options->days = strtoull(optarg, NULL, 10);
        } else if (option == 'f') {
            options->first = strtoull(optarg, NULL, 10);
        } else if (option == 'o') {
            options->first = strtoull(optarg, NULL, 10);
            options->only = true;
        } else if (option == 't') {
            options->trace = true;
        } else {
            exit(usage(option == 'h' ? 0 : 2));
        }
    }
    return optind == argc;
}

static void print(const struct sim_figures *figures, uint64_t first, double cpu_s)
{
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {
        {"histories", figures->histories},
        {"days", figures->days},
        {"sales", figures->sales},
        {"events", figures->events},
        {"corrections", figures->corrections},
        {"repeats", figures->repeats},
        {"publishes", figures->publishes},
        {"steps", figures->steps},
        {"power_cuts", figures->power_cuts},
        {"kills", figures->kills},
        {"images_restored", figures->images_restored},
        {"disks_full", figures->disks_full},
        {"syncs_failed", figures->syncs_failed},
        {"clock_jumps", figures->clock_jumps},
        {"sessions_lost", figures->sessions_lost},
        {"connections_refused", figures->refusals},
        {"centre_restarts", figures->centre_restarts},
        {"centre_databases_lost", figures->centre_losses},
        {"rejects", figures->rejects},
        {"dropped_for_room", figures->drops},
        {"epochs", figures->epochs},
    };
    (void)printf("{\"first_seed\":%" PRIu64, first);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        (void)printf(",\"%s\":%" PRIu64, values[i].name, values[i].value);
    }
    (void)printf(",\"violations\":0,\"cpu_s\":%.1f}\n", cpu_s);
}

// A key that is the same in every run, so that every run is the same.
static bool make_key(const char *folder)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/journal.key", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    bool done = fd >= 0 && dprintf(fd, "%064d\n", 42) == 65;
    return fd >= 0 && close(fd) == 0 && done;
}

static void remove_files(const char *folder)
{
    static const char *const left[] = {"journal.db", "journal.db-lock", "journal.key"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", folder, left[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .days = DAYS_DEFAULT};
    struct sim_figures figures = {0};
    char folder[] = "/tmp/tillwire-sim-XXXXXX";
    if (!parse(argc, argv, &options)) {
        return usage(2);
    }
    (void)mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT); // a history frees what the next one needs again
    (void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
    if (mkdtemp(folder) == NULL || !make_key(folder)) {
        perror("sim: a folder for the lock file and the key");
        return 2;
    }
    uint64_t seed = options.first;
    if (options.only) {
        sim_history(seed, DAYS_OF_ONE, folder, options.trace, &figures);
    }
    while (!options.only && figures.days < options.days) {
        sim_history(seed++, DAYS_OF_ONE, folder, options.trace, &figures);
    }
    print(&figures, options.first, (double)clock() / CLOCKS_PER_SEC);
    remove_files(folder);
    return 0;
}

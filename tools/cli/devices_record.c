// SPDX-License-Identifier: Apache-2.0
//
// tillwire devices record: what a scanner sends, as the agent tells it, into a file.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/cli/client.h"
#include "tools/cli/devices.h"

struct taking {
    FILE *file;
    const char *name;
    size_t lines;
    size_t heard; // of them bytes, reports and keys
    time_t until; // monotonic seconds; 0: Ctrl-C alone ends it
    bool cut_off;
    int cause; // errno of a writing that failed
};

static time_t now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static bool is_heard(struct tw_slice line)
{
    const char *space = line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
    size_t rest = space != NULL ? line.len - (size_t)(space - (const char *)line.ptr) : 0;
    return rest > 1 && isdigit(line.ptr[0]) && space[1] != 'u' && space[1] != 'd'; // up, down, drop
}

static bool on_line(void *ctx, struct tw_slice line)
{
    static const char ended[] = "# ended: ";
    struct taking *taking = ctx;
    if (line.len >= sizeof ended - 1 && memcmp(line.ptr, ended, sizeof ended - 1) == 0) {
        (void)fprintf(stderr, "tillwire: the agent ended the recording: %.*s\n",
                      (int)(line.len - (sizeof ended - 1)), (const char *)line.ptr + sizeof ended - 1);
        taking->cut_off = true;
    }
    taking->lines++;
    taking->heard += is_heard(line) ? 1 : 0;
    // Each line at once: the recording is whole whatever ends it.
    if ((line.len > 0 && fwrite(line.ptr, 1, line.len, taking->file) != line.len) ||
        fputc('\n', taking->file) == EOF || fflush(taking->file) != 0) {
        taking->cause = errno;
        return false;
    }
    return true;
}

// Ctrl-C is held back (tw_devices_record) and looked for here.
static bool is_over(void *ctx)
{
    const struct taking *taking = ctx;
    sigset_t pending;
    return (taking->until > 0 && now_s() >= taking->until) ||
           (sigpending(&pending) == 0 &&
            (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1));
}

static FILE *open_new(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        (void)fprintf(stderr, "tillwire: cannot make the recording %s: %s%s\n", name, strerror(errno),
                      errno == EEXIST ? "; name another" : "");
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return file;
}

static int conclude(const struct taking *taking, int result)
{
    if (taking->cause != 0) {
        (void)fprintf(stderr, "tillwire: cannot write the recording %s: %s\n", taking->name,
                      strerror(taking->cause));
        return TW_EXIT_NOT_WELL;
    }
    if (result != TW_EXIT_FINE && taking->heard == 0) {
        return result;
    }
    if (taking->heard == 0) {
        (void)fprintf(stderr, "tillwire: nothing was heard; `tillwire devices test` may say why\n");
        return TW_EXIT_NOT_WELL;
    }
    (void)fprintf(stderr, "tillwire: recorded %s; look at it before you give it away\n", taking->name);
    return taking->cut_off ? TW_EXIT_NOT_WELL : result;
}

static int take(const struct tw_cli *cli, struct taking *taking)
{
    char path[128];
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
    (void)snprintf(path, sizeof path, "/v1/devices/record?device=%s", cli->operand);
    taking->until = cli->seconds > 0 ? now_s() + cli->seconds : 0;
    return tw_client_stream(cli, path, on_line, is_over, taking);
}

int tw_devices_record(const struct tw_cli *cli)
{
    struct taking taking = {.file = stdout, .name = "to standard output"};
    if (tw_devices_check_name(cli->operand) != TW_EXIT_FINE) {
        return TW_EXIT_USAGE;
    }
    if (cli->file != NULL) {
        taking.file = open_new(cli->file);
        taking.name = cli->file;
        if (taking.file == NULL) {
            return TW_EXIT_USAGE;
        }
    }
    int result = take(cli, &taking);
    if (cli->file != NULL && fclose(taking.file) != 0 && taking.cause == 0) {
        taking.cause = errno;
    }
    if (cli->file != NULL && taking.lines == 0) {
        (void)unlink(cli->file); // the agent refused, or there is none
    }
    return conclude(&taking, result);
}

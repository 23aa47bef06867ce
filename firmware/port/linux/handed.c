// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3, MOST_FDS = 2 };

// A positive number in the environment, 0 when there is none.
static long number_of(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    errno = 0;
    long number = text != NULL ? strtol(text, &end, 10) : 0;
    return errno == 0 && end != text && number > 0 ? number : 0;
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static int take(int fd, struct tw_handed *into, struct tw_error_text *err)
{
    if (option_of(fd, SO_ACCEPTCONN) != 1 || option_of(fd, SO_TYPE) != SOCK_STREAM) {
        return tw_fail(err, TW_ERR_INVALID,
                       "descriptor %d was handed over and is no listening stream socket; the socket unit "
                       "needs ListenStream= and Accept=no",
                       fd);
    }
    int *place = option_of(fd, SO_DOMAIN) == AF_UNIX ? &into->agents : &into->tills;
    if (*place >= 0) {
        return tw_fail(
            err, TW_ERR_INVALID,
            "two sockets for %s were handed over; leave one ListenStream= for it in the socket unit",
            place == &into->agents ? "the agent" : "the till");
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *place = fd;
    return 0;
}

int tw_handed_take(struct tw_handed *out, struct tw_error_text *err)
{
    struct tw_handed handed = {-1, -1};
    long count = number_of("LISTEN_PID") == (long)getpid() ? number_of("LISTEN_FDS") : 0;
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    if (count > MOST_FDS) {
        return tw_fail(err, TW_ERR_INVALID,
                       "%ld sockets were handed over; a relay has one for the till and one for the agent",
                       count);
    }
    for (int i = 0; i < (int)count; i++) {
        int outcome = take(FIRST_FD + i, &handed, err);
        if (outcome != 0) {
            return outcome;
        }
    }
    *out = handed;
    return 0;
}

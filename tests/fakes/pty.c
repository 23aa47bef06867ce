// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/pty.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void require(int truth)
{
    if (!truth) {
        perror("pty");
        abort();
    }
}

void fake_pty_plug(struct fake_pty *pty)
{
    if (pty->folder[0] == '\0') {
        strcpy(pty->folder, "/tmp/tillwire-pty-XXXXXX");
        require(mkdtemp(pty->folder) != NULL);
        (void)snprintf(pty->link, sizeof pty->link, "%s/usb-scanner", pty->folder);
    }
    pty->far = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    require(pty->far >= 0 && grantpt(pty->far) == 0 && unlockpt(pty->far) == 0);
    struct termios settings;
    require(tcgetattr(pty->far, &settings) == 0);
    cfmakeraw(&settings);
    require(tcsetattr(pty->far, TCSANOW, &settings) == 0);
    char node[64];
    require(ptsname_r(pty->far, node, sizeof node) == 0);
    (void)unlink(pty->link);
    require(symlink(node, pty->link) == 0);
}

void fake_pty_unplug(struct fake_pty *pty)
{
    if (pty->far >= 0) {
        (void)close(pty->far);
        pty->far = -1;
    }
    (void)unlink(pty->link);
}

void fake_pty_send(struct fake_pty *pty, const void *bytes, size_t len)
{
    require(write(pty->far, bytes, len) == (ssize_t)len);
}

void fake_pty_remove(struct fake_pty *pty)
{
    fake_pty_unplug(pty);
    (void)rmdir(pty->folder);
}

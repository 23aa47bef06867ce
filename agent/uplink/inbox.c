// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct question {
    struct tw_inbox *inbox;
    unsigned number;
};

struct tw_inbox {
    pthread_mutex_t lock;
    int fd, stop_fd;
    bool stopped;
    struct tw_letters mail;
    struct question questions[TW_INBOX_QUESTIONS];
};

int tw_inbox_new(struct tw_inbox **out)
{
    struct tw_inbox *inbox = calloc(1, sizeof *inbox);
    if (inbox == NULL) {
        return TW_ERR_NOMEM;
    }
    (void)pthread_mutex_init(&inbox->lock, NULL);
    inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    inbox->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (inbox->fd < 0 || inbox->stop_fd < 0) {
        tw_inbox_free(inbox);
        return TW_ERR_IO;
    }
    *out = inbox;
    return TW_OK;
}

void tw_inbox_free(struct tw_inbox *inbox)
{
    if (inbox == NULL) {
        return;
    }
    if (inbox->fd >= 0) {
        (void)close(inbox->fd);
    }
    if (inbox->stop_fd >= 0) {
        (void)close(inbox->stop_fd);
    }
    tw_rows_free(inbox->mail.rows);
    (void)pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}

int tw_inbox_fd(const struct tw_inbox *inbox)
{
    return inbox->fd;
}

int tw_inbox_stop_fd(const struct tw_inbox *inbox)
{
    return inbox->stop_fd;
}

void tw_inbox_take(struct tw_inbox *inbox, struct tw_letters *out)
{
    eventfd_t count;
    (void)eventfd_read(inbox->fd, &count);
    (void)pthread_mutex_lock(&inbox->lock);
    *out = inbox->mail;
    inbox->mail = (struct tw_letters){0};
    (void)pthread_mutex_unlock(&inbox->lock);
}

void tw_inbox_stop(struct tw_inbox *inbox)
{
    (void)pthread_mutex_lock(&inbox->lock);
    inbox->stopped = true;
    (void)pthread_mutex_unlock(&inbox->lock);
    (void)eventfd_write(inbox->stop_fd, 1);
}

bool tw_inbox_stopped(struct tw_inbox *inbox)
{
    (void)pthread_mutex_lock(&inbox->lock);
    bool stopped = inbox->stopped;
    (void)pthread_mutex_unlock(&inbox->lock);
    return stopped;
}

void tw_inbox_members(struct tw_inbox *inbox, uint64_t version, bool wanted)
{
    (void)pthread_mutex_lock(&inbox->lock);
    inbox->mail.members = true;
    inbox->mail.members_version = version;
    inbox->mail.members_wanted = wanted;
    (void)pthread_mutex_unlock(&inbox->lock);
    (void)eventfd_write(inbox->fd, 1);
}

void tw_inbox_resync(struct tw_inbox *inbox, uint64_t from)
{
    (void)pthread_mutex_lock(&inbox->lock);
    if (inbox->mail.resync == 0 || from < inbox->mail.resync) {
        inbox->mail.resync = from;
    }
    (void)pthread_mutex_unlock(&inbox->lock);
    (void)eventfd_write(inbox->fd, 1);
}

void *tw_inbox_question(struct tw_inbox *inbox, unsigned question)
{
    struct question *slot = &inbox->questions[question % TW_INBOX_QUESTIONS];
    (void)pthread_mutex_lock(&inbox->lock);
    *slot = (struct question){.inbox = inbox, .number = question};
    (void)pthread_mutex_unlock(&inbox->lock);
    return slot;
}

void tw_inbox_on_rows(void *question, struct tw_rows *rows)
{
    struct question *slot = question;
    struct tw_inbox *inbox = slot->inbox;
    (void)pthread_mutex_lock(&inbox->lock);
    struct tw_rows *old = inbox->mail.rows; // answers a question that was withdrawn since
    inbox->mail.rows = rows;
    inbox->mail.question = slot->number;
    (void)pthread_mutex_unlock(&inbox->lock);
    (void)eventfd_write(inbox->fd, 1);
    tw_rows_free(old);
}

void tw_inbox_on_settled(void *context)
{
    struct tw_inbox *inbox = context;
    (void)pthread_mutex_lock(&inbox->lock);
    inbox->mail.settled = true;
    (void)pthread_mutex_unlock(&inbox->lock);
    (void)eventfd_write(inbox->fd, 1);
}

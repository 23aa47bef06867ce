// SPDX-License-Identifier: Apache-2.0
//
// A folder whose files are read one after the other. What wakes the agent is inotify where the kernel sees
// who writes, and the driver's TW_IO_DIRECTORY_LOOK where it does not (a network share). The stream and the
// answers are described in io.h.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hal/io/folder.h"
#include "hal/io/io.h"
#include "hal/io/tray.h"

enum phase {
    IDLE,    // no file is open
    READING, // one is; its next piece may go out
    HELD,    // its next piece waits for TW_IO_DIRECTORY_MORE
    ENDED,   // all of it went out: an answer is waited for
    RESTING, // nothing is read before the next look
};

struct directory {
    struct tw_io io; // its descriptor is an epoll of the next two
    int inotify;     // -1: there is none
    int nudge;       // an eventfd: there is something to read
    int folder, done, failed;
    char *path;
    enum phase phase;
    int file;
    char name[NAME_MAX + 1];
    struct stat opened; // the file as it was then
    bool final;         // then nobody wrote to it any more
    const char *gone;   // the folder, or its subfolders: half a sentence; NULL: they are there
    struct tw_folder files;
    char trouble[TW_IO_DIRECTORY_TROUBLE_BYTES]; // to be told: 1 and a sentence, or 0
    size_t trouble_len;                          // 0: nothing
    bool troubled;                               // as it was told last
};

static void put_number(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static void nudge(struct directory *directory)
{
    const uint64_t one = 1;
    (void)!write(directory->nudge, &one, sizeof one);
}

// Until something happens there is nothing to read.
static int nothing_now(struct directory *directory)
{
    uint64_t count;
    (void)!read(directory->nudge, &count, sizeof count);
    return TW_ERR_AGAIN;
}

static void close_file(struct directory *directory)
{
    if (directory->file >= 0) {
        (void)close(directory->file);
        directory->file = -1;
    }
}

// ---- trouble with a file

// A name may hold any bytes; a sentence may not.
static void write_name(const char *name, char out[64])
{
    size_t len = 0;
    for (; len < 63 && name[len] != '\0'; len++) {
        out[len] = (char)(name[len] > ' ' && name[len] < 0x7f ? name[len] : '?');
    }
    out[len] = '\0';
}

// Told once, as long as the file is as it is; it is tried again.
static void tell(struct directory *directory, struct tw_folder_file *file, const char *what, int error)
{
    char name[64];
    if (file == NULL || file->told) {
        return;
    }
    file->told = true;
    write_name(file->name, name);
    int len = snprintf(directory->trouble + 1, sizeof directory->trouble - 1,
                       "the file %s cannot be %s: %s; the others are read, this one is tried again", name,
                       what, strerror(error));
    directory->trouble[0] = 1;
    directory->trouble_len = len > 0 ? 1 + strlen(directory->trouble + 1) : 0;
    directory->troubled = true;
}

static void mind_trouble(struct directory *directory)
{
    if (directory->troubled && !tw_folder_has_told(&directory->files)) {
        directory->troubled = false;
        directory->trouble[0] = 0;
        directory->trouble_len = 1;
    }
}

// ---- looking

static bool look_at(const struct directory *directory, const char *name, struct stat *out)
{
    return tw_folder_wants(name) && fstatat(directory->folder, name, out, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(out->st_mode);
}

// Whether the path still leads to the folder that is open: a share may have been unmounted, or mounted over.
static bool is_there(const struct directory *directory)
{
    struct stat open;
    struct stat now;
    return fstat(directory->folder, &open) == 0 && stat(directory->path, &now) == 0 &&
           open.st_dev == now.st_dev && open.st_ino == now.st_ino && open.st_nlink > 0;
}

static void look(struct directory *directory, int64_t now_ms)
{
    int fd = is_there(directory) ? openat(directory->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        directory->gone = "the folder is not there any more";
        return;
    }
    tw_folder_begin(&directory->files, now_ms);
    int outcome = TW_OK;
    errno = 0;
    for (const struct dirent *entry = readdir(entries); entry != NULL && outcome == TW_OK;
         entry = readdir(entries)) {
        struct stat stat;
        if (look_at(directory, entry->d_name, &stat)) {
            outcome = tw_folder_see(&directory->files, entry->d_name, &stat);
        }
        errno = 0;
    }
    directory->gone = errno != 0 ? "the folder cannot be read any more" : NULL; // ESTALE, ENOTCONN
    tw_folder_end(&directory->files);
    mind_trouble(directory);
    (void)closedir(entries);
}

static void take_event(struct directory *directory, const struct inotify_event *event)
{
    struct stat stat;
    if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
        directory->gone = "the folder is not there any more";
    } else if (event->len > 0 && look_at(directory, event->name, &stat) &&
               tw_folder_closed(&directory->files, event->name, &stat) != TW_OK) {
        return; // out of memory: the next look sees it, as it does when events were lost (IN_Q_OVERFLOW)
    }
}

static void take_events(struct directory *directory)
{
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t len = directory->inotify >= 0 ? read(directory->inotify, bytes, sizeof bytes) : 0;
    while (len > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            take_event(directory, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
        len = read(directory->inotify, bytes, sizeof bytes);
    }
}

// ---- reading

static int open_file(const struct directory *directory, const char *name, struct stat *out)
{
    // A FIFO that took the file's place must not be waited for.
    int fd = openat(directory->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, out) != 0 || !S_ISREG(out->st_mode))) {
        (void)close(fd);
        fd = -1;
        errno = ENOENT; // not the one that was seen
    }
    return fd;
}

// Opens the next file that can be; false: none. One that cannot, or is not what was seen any more, is tried
// again after the next look.
static bool open_next(struct directory *directory)
{
    struct tw_folder_file *next = tw_folder_next(&directory->files);
    for (; next != NULL; next = tw_folder_next(&directory->files)) {
        directory->file = open_file(directory, next->name, &directory->opened);
        if (directory->file >= 0 && tw_folder_same(&directory->opened, &next->seen)) {
            (void)snprintf(directory->name, sizeof directory->name, "%s", next->name);
            directory->final = tw_folder_is_final(&directory->files, next);
            return true;
        }
        if (directory->file < 0 && errno != ENOENT && errno != ELOOP) {
            tell(directory, next, "read", errno);
        }
        close_file(directory);
        next->settled = false;
    }
    return false;
}

static size_t put_head(uint8_t *out, uint8_t kind, size_t len)
{
    out[0] = kind;
    put_number(out + 1, len, 4);
    return TW_IO_DIRECTORY_HEAD_BYTES;
}

static int give_begin(struct directory *directory, uint8_t *out, size_t *got)
{
    size_t len = strlen(directory->name);
    size_t at =
        put_head(out, directory->final ? TW_IO_DIRECTORY_BEGIN : TW_IO_DIRECTORY_BEGIN_OPEN, 12 + len);
    put_number(out + at, (uint64_t)directory->opened.st_size, 8);
    put_number(out + at + 8, directory->files.waiting, 4);
    memcpy(out + at + 12, directory->name, len);
    *got = at + 12 + len;
    directory->phase = READING;
    return TW_OK;
}

// One that could not be read to its end is tried again after the next look.
static int give_end(struct directory *directory, bool whole, uint8_t *out, size_t *got)
{
    size_t at = put_head(out, TW_IO_DIRECTORY_END, 1);
    out[at] = whole;
    *got = at + 1;
    if (!whole) {
        close_file(directory);
        tw_folder_unsettle(&directory->files, directory->name, &directory->opened);
    }
    directory->phase = whole ? ENDED : IDLE;
    return TW_OK;
}

// Written to, replaced or moved since it was opened: what comes next may not belong to what came before.
static bool has_changed(const struct directory *directory)
{
    struct stat now;
    const struct stat *then = &directory->opened;
    return fstat(directory->file, &now) != 0 || !tw_folder_same(&now, then) ||
           now.st_ctim.tv_sec != then->st_ctim.tv_sec || now.st_ctim.tv_nsec != then->st_ctim.tv_nsec;
}

static int give_piece(struct directory *directory, uint8_t *out, size_t cap, size_t *got)
{
    size_t room = cap - TW_IO_DIRECTORY_HEAD_BYTES;
    room = room < TW_IO_DIRECTORY_PIECE_BYTES ? room : TW_IO_DIRECTORY_PIECE_BYTES;
    ssize_t len = read(directory->file, out + TW_IO_DIRECTORY_HEAD_BYTES, room);
    if (len <= 0 || has_changed(directory)) {
        return give_end(directory, len == 0 && !has_changed(directory), out, got);
    }
    (void)put_head(out, TW_IO_DIRECTORY_BYTES, (size_t)len);
    *got = TW_IO_DIRECTORY_HEAD_BYTES + (size_t)len;
    directory->phase = HELD;
    return TW_OK;
}

static int give_trouble(struct directory *directory, uint8_t *out, size_t *got)
{
    size_t at = put_head(out, TW_IO_DIRECTORY_TROUBLE, directory->trouble_len);
    memcpy(out + at, directory->trouble, directory->trouble_len);
    *got = at + directory->trouble_len;
    directory->trouble_len = 0;
    return TW_OK;
}

static int read_directory(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    struct directory *directory = (struct directory *)io;
    take_events(directory);
    if (directory->gone != NULL) {
        io->why = directory->gone;
        return TW_ERR_CLOSED;
    }
    if (cap < TW_IO_DIRECTORY_HEAD_BYTES + 12 + sizeof directory->name) {
        return TW_ERR_INVALID;
    }
    if (directory->phase == IDLE && open_next(directory)) {
        return give_begin(directory, out, got);
    }
    if (directory->phase == READING) {
        return give_piece(directory, out, cap, got);
    }
    return directory->trouble_len > 0 ? give_trouble(directory, out, got) : nothing_now(directory);
}

// ---- answers

// The file is done with, or not what was read any more; then it is read again when it is settled. One that
// cannot be moved is let be for a while.
static void put_away(struct directory *directory, int tray, struct tw_slice why)
{
    int outcome = tw_tray_put(directory->folder, directory->name, &directory->opened, tray, why);
    if (outcome == TW_OK) {
        tw_folder_forget(&directory->files, directory->name);
    } else if (outcome == TW_ERR_IO) {
        tell(directory, tw_folder_find(&directory->files, directory->name), "moved away", errno);
        tw_folder_put_off(&directory->files, directory->name, &directory->opened,
                          directory->files.now_ms + TW_FOLDER_QUIET_MS);
    } else {
        tw_folder_unsettle(&directory->files, directory->name, &directory->opened);
    }
    if (outcome == TW_ERR_CLOSED) {
        directory->gone = "files cannot be moved to its subfolders any more";
    }
    close_file(directory);
    directory->phase = IDLE;
}

// Who writes it may go on: it comes again when it is closed or changed, or surely left as it is.
static void put_off(struct directory *directory)
{
    const struct tw_folder_file *file = tw_folder_find(&directory->files, directory->name);
    if (file == NULL || directory->final) {
        tw_folder_unsettle(&directory->files, directory->name, &directory->opened);
    } else if (!tw_folder_is_final(&directory->files, file)) { // else it was closed just now
        int64_t since_ms = file->since_ms >= 0 ? file->since_ms : directory->files.now_ms;
        tw_folder_put_off(&directory->files, directory->name, &directory->opened,
                          since_ms + TW_FOLDER_QUIET_MS);
    }
    close_file(directory);
    directory->phase = IDLE;
}

static int64_t get_number(struct tw_slice bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes.len; i > 0; i--) {
        value = value << 8 | bytes.ptr[i - 1];
    }
    return (int64_t)value;
}

static void take_answer(struct directory *directory, uint8_t answer, struct tw_slice text)
{
    bool open = directory->phase == READING || directory->phase == HELD || directory->phase == ENDED;
    if (answer == TW_IO_DIRECTORY_MORE && directory->phase == HELD) {
        directory->phase = READING;
    } else if (answer == TW_IO_DIRECTORY_ACCEPTED && directory->phase == ENDED) {
        put_away(directory, directory->done, tw_slice_make(NULL, 0));
    } else if (answer == TW_IO_DIRECTORY_REFUSED && open) {
        put_away(directory, directory->failed, text);
    } else if (answer == TW_IO_DIRECTORY_UNFINISHED && open) {
        put_off(directory);
    } else if (answer == TW_IO_DIRECTORY_LATER && open) {
        close_file(directory);
        directory->phase = RESTING;
    } else if (answer == TW_IO_DIRECTORY_LOOK) {
        look(directory, text.len == 8 ? get_number(text) : directory->files.now_ms);
        directory->phase = directory->phase == RESTING ? IDLE : directory->phase;
    }
}

static int write_directory(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    struct directory *directory = (struct directory *)io;
    size_t done = 0;
    nudge(directory);
    while (bytes.len - done >= TW_IO_DIRECTORY_ANSWER_BYTES) {
        const uint8_t *head = bytes.ptr + done;
        size_t len = (size_t)head[1] | (size_t)head[2] << 8;
        if (bytes.len - done - TW_IO_DIRECTORY_ANSWER_BYTES < len) {
            break;
        }
        take_answer(directory, head[0], tw_slice_make(head + TW_IO_DIRECTORY_ANSWER_BYTES, len));
        done += TW_IO_DIRECTORY_ANSWER_BYTES + len;
    }
    *put = done;
    return done > 0 ? TW_OK : TW_ERR_AGAIN;
}

// ---- opening and closing

static void close_directory(struct tw_io *io)
{
    struct directory *directory = (struct directory *)io;
    const int fds[] = {directory->io.fd,  directory->inotify, directory->nudge,
                       directory->folder, directory->done,    directory->failed};
    close_file(directory);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    tw_folder_clear(&directory->files);
    free(directory->path);
    free(directory);
}

static const struct tw_io_ops directory_ops = {read_directory, write_directory, close_directory, NULL};

static int watch(const struct directory *directory, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(directory->io.fd, EPOLL_CTL_ADD, fd, &event);
}

// Without inotify (its limits are reached, the file system has none) the looks find everything, only later.
static int set_up(struct directory *directory, struct tw_error_text *err)
{
    directory->io.fd = epoll_create1(EPOLL_CLOEXEC);
    directory->nudge = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    directory->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (directory->io.fd < 0 || directory->nudge < 0 || watch(directory, directory->nudge) != 0) {
        return tw_fail(err, TW_ERR_IO, "watching %s: %s; see the limits of the service", directory->path,
                       strerror(errno));
    }
    const uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    if (directory->inotify >= 0 && (inotify_add_watch(directory->inotify, directory->path, what) < 0 ||
                                    watch(directory, directory->inotify) != 0)) {
        (void)close(directory->inotify);
        directory->inotify = -1;
    }
    return TW_OK;
}

static int open_folder(struct directory *directory, struct tw_error_text *err)
{
    directory->folder = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->folder < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        return tw_fail(err, absent ? TW_ERR_NOT_FOUND : TW_ERR_IO,
                       "cannot read the folder %s: %s; make it, mount it, or correct `path`", directory->path,
                       strerror(errno));
    }
    int outcome = tw_tray_open(directory->folder, directory->path, "done", &directory->done, err);
    return outcome != TW_OK
               ? outcome
               : tw_tray_open(directory->folder, directory->path, "failed", &directory->failed, err);
}

int tw_io_directory_open(const char *path, struct tw_io **out, struct tw_error_text *err)
{
    struct directory *directory = calloc(1, sizeof *directory);
    char *copy = strdup(path);
    if (directory == NULL || copy == NULL) {
        free(directory);
        free(copy);
        return tw_fail(err, TW_ERR_NOMEM, "no memory to open %s", path);
    }
    directory->io = (struct tw_io){.ops = &directory_ops, .fd = -1};
    directory->inotify = directory->nudge = directory->file = -1;
    directory->folder = directory->done = directory->failed = -1;
    directory->path = copy;
    int outcome = open_folder(directory, err);
    outcome = outcome != TW_OK ? outcome : set_up(directory, err);
    if (outcome != TW_OK) {
        close_directory(&directory->io);
        return outcome;
    }
    look(directory, -1);
    *out = &directory->io;
    return TW_OK;
}

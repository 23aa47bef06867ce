// SPDX-License-Identifier: Apache-2.0
#include "hal/io/tray.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hal/io/folder.h"

enum {
    SUFFIX_BYTES = 48, // ".SECONDS.NANOSECONDS-INODE"
    WHY_BYTES = 4,     // ".txt"
};

int tw_tray_open(int folder, const char *path, const char *name, int *out, struct tw_error_text *err)
{
    if (mkdirat(folder, name, 0750) != 0 && errno != EEXIST) {
        return tw_fail(err, TW_ERR_IO, "cannot make the folder %s/%s for files that were read: %s; make it",
                       path, name, strerror(errno));
    }
    int tray = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tray < 0 || faccessat(tray, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        int why = errno;
        if (tray >= 0) {
            (void)close(tray);
        }
        return tw_fail(err, TW_ERR_IO,
                       "cannot move files to %s/%s: %s; let the user of the agent write to both folders",
                       path, name, strerror(why));
    }
    *out = tray;
    return TW_OK;
}

static int move_file(int folder, const char *name, int tray, const char *to)
{
    if (renameat2(folder, name, tray, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    struct stat there;
    if (errno != EINVAL && errno != ENOSYS) {
        return errno;
    }
    // A file system that cannot refuse to replace (some network shares): look before.
    if (fstatat(tray, to, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        return EEXIST;
    }
    return renameat(folder, name, tray, to) == 0 ? 0 : errno;
}

// The bytes of the name that fit, without half a character of UTF-8.
static size_t cut(const char *name, size_t most)
{
    size_t len = strnlen(name, most + 1);
    if (len > most) {
        for (len = most; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80;) {
            len--;
        }
    }
    return len;
}

// Why it failed is a convenience: the file is where it belongs without.
static void write_why(int tray, const char *name, struct tw_slice why)
{
    char path[NAME_MAX + 1];
    (void)snprintf(path, sizeof path, "%.*s.txt", (int)cut(name, NAME_MAX - WHY_BYTES), name);
    int fd = openat(tray, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) {
        return;
    }
    if (write(fd, why.ptr, why.len) != (ssize_t)why.len || write(fd, "\n", 1) != 1) {
        (void)unlinkat(tray, path, 0);
    }
    (void)close(fd);
}

static bool is_still(int folder, const char *name, const struct stat *read)
{
    struct stat now;
    return fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && tw_folder_same(&now, read);
}

static bool can_change(int folder)
{
    struct stat stat;
    return fstat(folder, &stat) == 0 && stat.st_nlink > 0 &&
           faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

// It could not be moved: is it gone, are the folders, or is it this one alone?
static int judge(int folder, const char *name, const struct stat *read, int tray, int error)
{
    if (error == ENOENT && !is_still(folder, name, read)) {
        return TW_ERR_AGAIN;
    }
    if (error == ENOENT || error == EIO || error == ESTALE || !can_change(folder) || !can_change(tray)) {
        return TW_ERR_CLOSED;
    }
    errno = error;
    return TW_ERR_IO;
}

// A name that is taken gets behind it what no two files have in common: when it was changed, and its inode.
static int move_to_tray(int folder, const char *name, const struct stat *read, int tray,
                        char to[NAME_MAX + 1])
{
    (void)snprintf(to, NAME_MAX + 1, "%s", name);
    int error = move_file(folder, name, tray, to);
    if (error == EEXIST) {
        char suffix[SUFFIX_BYTES];
        (void)snprintf(suffix, sizeof suffix, ".%lld.%09ld-%llu", (long long)read->st_ctim.tv_sec,
                       read->st_ctim.tv_nsec, (unsigned long long)read->st_ino);
        (void)snprintf(to, NAME_MAX + 1, "%.*s%s", (int)cut(name, NAME_MAX - WHY_BYTES - strlen(suffix)),
                       name, suffix);
        error = move_file(folder, name, tray, to);
    }
    return error;
}

int tw_tray_put(int folder, const char *name, const struct stat *read, int tray, struct tw_slice why)
{
    char to[NAME_MAX + 1];
    if (!is_still(folder, name, read)) {
        return TW_ERR_AGAIN;
    }
    int error = move_to_tray(folder, name, read, tray, to);
    if (error != 0) {
        return judge(folder, name, read, tray, error);
    }
    if (!is_still(tray, to, read)) { // another one took its place in between
        (void)move_file(tray, to, folder, name);
        return TW_ERR_AGAIN;
    }
    if (why.len > 0) {
        write_why(tray, to, why);
    }
    return TW_OK;
}

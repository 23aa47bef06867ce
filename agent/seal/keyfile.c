// SPDX-License-Identifier: Apache-2.0
#include "agent/seal/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tw_keyfile_path(const char *what, const char *where, char *path, size_t size, struct tw_error_text *err)
{
    static const char prefix[] = "credential:";
    const char *folder = "";
    const char *name = where;
    if (strncmp(where, prefix, sizeof prefix - 1) == 0) {
        folder = getenv("CREDENTIALS_DIRECTORY");
        name = where + sizeof prefix - 1;
        if (folder == NULL) {
            return tw_fail(err, TW_ERR_NOT_FOUND,
                           "loading the %s %s: $CREDENTIALS_DIRECTORY is not set; add "
                           "LoadCredential= or LoadCredentialEncrypted= to the service, or name a file",
                           what, where);
        }
    }
    int len = snprintf(path, size, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name);
    if (len < 0 || (size_t)len >= size) {
        return tw_fail(err, TW_ERR_INVALID, "loading the %s %.200s…: the path is too long; use a shorter one",
                       what, where);
    }
    return TW_OK;
}

int tw_keyfile_read(const char *what, const char *path, char *text, size_t size, size_t *len,
                    struct tw_error_text *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return tw_fail(err, TW_ERR_IO,
                       "loading the %s: cannot open %s (%s); make one with "
                       "'openssl rand -hex 32' and mode 0600",
                       what, path, strerror(errno));
    }
    struct stat st;
    if (fstat(fileno(file), &st) != 0 || (st.st_mode & 0007) != 0) {
        (void)fclose(file);
        return tw_fail(err, TW_ERR_REFUSED,
                       "loading the %s: %s can be read by everybody; run 'chmod 0600 %s'", what, path, path);
    }
    (void)setvbuf(file, NULL, _IONBF, 0); // no copy of the key in a stdio buffer
    size_t got = fread(text, 1, size - 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    text[got] = '\0';
    if (failed) {
        return tw_fail(err, TW_ERR_IO,
                       "loading the %s: cannot read %s; check that it is a file on a good disk", what, path);
    }
    *len = got;
    return TW_OK;
}

// ---- making one ----

static bool write_durably(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return false;
    }
    size_t len = strlen(text);
    bool good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int why = errno;
    good = close(fd) == 0 && good;
    errno = why;
    return good;
}

static bool sync_folder_of(const char *path)
{
    char name[4096];
    (void)snprintf(name, sizeof name, "%s", path);
    int fd = open(dirname(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool good = fsync(fd) == 0;
    int why = errno;
    (void)close(fd);
    errno = why;
    return good;
}

// Written beside and linked into place: a power cut leaves no half a key, and link(2) never replaces one.
int tw_keyfile_make(const char *what, const char *path, const char *text, struct tw_error_text *err)
{
    char beside[4096];
    int len = snprintf(beside, sizeof beside, "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof beside) {
        return tw_fail(err, TW_ERR_INVALID, "making the %s %.200s…: the path is too long; use a shorter one",
                       what, path);
    }
    (void)unlink(beside); // of a start that was cut short
    bool good = write_durably(beside, text) && link(beside, path) == 0;
    int why = errno;
    (void)unlink(beside);
    if (good && !sync_folder_of(path)) {
        why = errno;
        good = false;
    }
    if (!good) {
        return tw_fail(
            err, why == EEXIST ? TW_ERR_EXISTS : TW_ERR_IO,
            "making the %s: cannot write %s (%s); give its folder to this user, or make the file with "
            "'openssl rand -hex 32' and mode 0600",
            what, path, strerror(why));
    }
    return TW_OK;
}

// ---- digits ----

static int hex_value(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tw_keyfile_digits(const char *text, size_t len, uint8_t key[TW_KEY_BYTES])
{
    if (len < (size_t)(2 * TW_KEY_BYTES)) {
        return false;
    }
    for (size_t i = 0; i < TW_KEY_BYTES; i++) {
        int high = hex_value((unsigned char)text[2 * i]);
        int low = hex_value((unsigned char)text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

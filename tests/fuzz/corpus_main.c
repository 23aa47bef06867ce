// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target over files without a fuzzing engine: every argument that is a file, and every
// file of every argument that is a folder, is given once to LLVMFuzzerTestOneInput. Options
// (arguments that begin with '-') are the engine's and are skipped.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t size = 0;
    for (;;) {
        uint8_t *grown = realloc(data, size + 65536);
        if (grown == NULL) {
            abort();
        }
        data = grown;
        size_t got = fread(data + size, 1, 65536, file);
        size += got;
        if (got == 0) {
            break;
        }
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int run_folder(const char *path, int *count)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            char name[4096];
            (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            failed |= run_file(name);
            *count += 1;
        }
    }
    (void)closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (argv[i][0] == '-') {
            continue;
        }
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            failed |= run_folder(argv[i], &count);
        } else {
            failed |= run_file(argv[i]);
            count++;
        }
    }
    printf("%d inputs\n", count);
    return failed != 0 || count == 0 ? 1 : 0;
}

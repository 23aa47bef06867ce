// SPDX-License-Identifier: Apache-2.0
//
// YAML files: the first byte is p for a receipt profile, anything else for a configuration. Either is loaded,
// with all that is required, or refused with a sentence that names the file.
#include "tests/fuzz/target.h"
#include "tillwire/config.h"

static int load_config(const char *path, struct tw_error_text *err)
{
    struct tw_config *config = NULL;
    int rc = tw_config_load(path, &config, err);
    if (rc == TW_OK) {
        fuzz_require(config->tenant != NULL && config->store != NULL && config->terminal != NULL);
        for (size_t i = 0; i < config->device_count; i++) {
            fuzz_require(tw_config_device(config, config->devices[i].name) == &config->devices[i]);
        }
    }
    tw_config_free(config);
    return rc;
}

static int load_profile(const char *path, struct tw_error_text *err)
{
    struct tw_profile *profile = NULL;
    int rc = tw_config_profile("", path, &profile, err);
    tw_profile_free(profile);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH_BYTES];
    struct tw_error_text err = {""};
    if (size == 0) {
        return 0;
    }
    int fd = fuzz_file(data + 1, size - 1, path);
    int rc = data[0] == 'p' ? load_profile(path, &err) : load_config(path, &err);
    fuzz_require(rc == TW_OK || err.text[0] != '\0');
    (void)close(fd);
    return 0;
}

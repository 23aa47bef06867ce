// SPDX-License-Identifier: Apache-2.0
#include "hal/core/settings.h"

#include <stdlib.h>
#include <string.h>

static void each_string(struct tw_device_config *config, void (*visit)(const char **string, void *ctx),
                        void *ctx)
{
    const char **strings[] = {&config->name,    &config->class_name,  &config->transport, &config->port,
                              &config->parity,  &config->flow,        &config->usb,       &config->usb_serial,
                              &config->layout,  &config->prefix,      &config->suffix,    &config->code_id,
                              &config->listen,  &config->forward,     &config->path,      &config->connect,
                              &config->profile, &config->workstation, &config->protocol,  &config->text,
                              &config->points};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        visit(strings[i], ctx);
    }
}

static void copy_string(const char **string, void *ctx)
{
    bool *failed = ctx;
    if (*string != NULL) {
        *string = strdup(*string);
        *failed = *failed || *string == NULL;
    }
}

static void free_string(const char **string, void *ctx)
{
    (void)ctx;
    void *memory;
    memcpy(&memory, string, sizeof memory);
    free(memory);
}

bool tw_settings_copy(struct tw_device_config *config)
{
    bool failed = false;
    each_string(config, copy_string, &failed);
    return !failed;
}

void tw_settings_free(struct tw_device_config *config)
{
    each_string(config, free_string, NULL);
}

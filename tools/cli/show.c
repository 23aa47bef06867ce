// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/show.h"

#include "tillwire/event.h"
#include "tools/cli/text.h"

int64_t tw_show_number(const tw_json *object, const char *name, int64_t otherwise)
{
    int64_t value = otherwise;
    return tw_json_int(tw_json_get(object, name), &value) == TW_OK ? value : otherwise;
}

const char *tw_show_text(const tw_json *object, const char *name)
{
    const char *value = tw_json_text(tw_json_get(object, name));
    return value != NULL ? value : "?";
}

const char *tw_show_type(const tw_json *object)
{
    static const size_t prefix = sizeof TW_EVENT_PREFIX - 1;
    const char *type = tw_show_text(object, "type");
    return strncmp(type, TW_EVENT_PREFIX, prefix) == 0 ? type + prefix : "?";
}

void tw_show_plain(const char *from)
{
    struct tw_buf plain = {0};
    tw_text_plain(tw_slice_of(from), &plain);
    (void)printf("%s", plain.ptr != NULL ? (const char *)plain.ptr : "");
    tw_buf_free(&plain);
}

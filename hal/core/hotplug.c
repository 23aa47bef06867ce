// SPDX-License-Identifier: Apache-2.0
#include "tillwire/hotplug.h"

#include <libudev.h>
#include <stdlib.h>
#include <string.h>

struct tw_hotplug {
    struct udev *udev;
    struct udev_monitor *monitor;
};

void tw_hotplug_free(struct tw_hotplug *hotplug)
{
    if (hotplug == NULL) {
        return;
    }
    (void)udev_monitor_unref(hotplug->monitor);
    (void)udev_unref(hotplug->udev);
    free(hotplug);
}

// The monitor "udev" speaks after its rules were applied: nodes and links are there, and ours to open.
static int listen_to(struct tw_hotplug *hotplug)
{
    static const char *const subsystems[] = {"tty", "hidraw", "input"};
    hotplug->udev = udev_new();
    hotplug->monitor = hotplug->udev != NULL ? udev_monitor_new_from_netlink(hotplug->udev, "udev") : NULL;
    if (hotplug->monitor == NULL) {
        return TW_ERR_NOT_FOUND;
    }
    int failed = 0;
    for (size_t i = 0; i < sizeof subsystems / sizeof subsystems[0]; i++) {
        failed |= udev_monitor_filter_add_match_subsystem_devtype(hotplug->monitor, subsystems[i], NULL) < 0;
    }
    failed |= udev_monitor_enable_receiving(hotplug->monitor) < 0;
    return failed ? TW_ERR_NOT_FOUND : 0;
}

int tw_hotplug_new(struct tw_hotplug **out, struct tw_error_text *err)
{
    struct tw_hotplug *hotplug = calloc(1, sizeof *hotplug);
    if (hotplug == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory to listen for devices that are plugged in");
    }
    int outcome = listen_to(hotplug);
    if (outcome != 0) {
        tw_hotplug_free(hotplug);
        return tw_fail(
            err, outcome,
            "cannot hear from udev what is plugged in; devices are looked for every 1.6 s instead");
    }
    *out = hotplug;
    return 0;
}

int tw_hotplug_fd(const struct tw_hotplug *hotplug)
{
    return udev_monitor_get_fd(hotplug->monitor);
}

bool tw_hotplug_take(struct tw_hotplug *hotplug)
{
    bool came = false;
    struct udev_device *device = udev_monitor_receive_device(hotplug->monitor);
    while (device != NULL) {
        const char *action = udev_device_get_action(device);
        came = came || action == NULL || strcmp(action, "remove") != 0;
        (void)udev_device_unref(device);
        device = udev_monitor_receive_device(hotplug->monitor);
    }
    return came;
}

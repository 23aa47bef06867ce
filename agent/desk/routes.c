// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/routes.h"

static const struct tw_route routes[] = {
    {"/v1/sales", "POST", tw_desk_sales, false, false},
    {"/v1/scans", "POST", tw_desk_scans, false, false},
    {"/v1/members/lookup", "POST", tw_desk_lookup, false, false},
    {"/v1/status", "GET", tw_desk_status, false, false},
    {"/v1/events", "GET", tw_desk_events, false, false},
    {"/metrics", "GET", tw_desk_metrics, false, false},
    {"/healthz", "GET", tw_desk_health, false, false},
    {"/v1/devices", "GET", tw_desk_devices, true, false},
    {"/v1/devices/record", "GET", tw_desk_record, true, false},
    {"/v1/devices/update", "POST", tw_desk_update, true, true},
    {"/v1/queue", "GET", tw_desk_queue, true, false},
    {"/v1/queue/dead", "GET", tw_desk_dead, true, false},
    {"/v1/queue/retry", "POST", tw_desk_retry, true, false},
    {"/v1/queue/resync", "POST", tw_desk_resync, true, false},
};

const struct tw_route *tw_route_find(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(routes[i].path, path) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

bool tw_route_takes(const struct tw_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

const char *tw_route_allow(const struct tw_route *route)
{
    return strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
}

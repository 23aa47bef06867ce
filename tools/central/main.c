// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/uplink/backoff.h"
#include "agent/uplink/mqtt.h"
#include "tools/central/centre.h"
#include "tools/central/options.h"
#include "tools/central/report.h"

#define RETRY_MIN_MS    250
#define RETRY_MAX_MS    10000
#define STEADY_MS       60000 // a connection that lasted this long starts the back-off over
#define RECEIVE_MAXIMUM 1000
#define LEAVE_MS        500

struct service {
    struct tw_central_options options;
    struct tw_seal *seal;
    struct tw_schema_set *schemas;
    struct tw_centre_store *store;
    struct tw_centre *centre;
    struct tw_mqtt *mqtt;
    struct tw_mqtt_options mqtt_options;
    char client_id[64];
    int signals; // signalfd
    bool more;   // the connection wants another turn without waiting
    bool announced;
    int64_t retry_at_ms, online_ms;
    struct tw_backoff backoff;
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void complain(const struct tw_error_text *err)
{
    (void)fprintf(stderr, "tillwire-central: %s\n", err->text);
}

// ---- the connection ----

static void plan_retry(struct service *service)
{
    if (service->announced && now_ms() - service->online_ms >= STEADY_MS) {
        service->backoff.attempts = 0;
    }
    service->retry_at_ms = now_ms() + tw_backoff_next(&service->backoff);
    service->announced = false;
}

static void disconnect(struct service *service, const struct tw_error_text *err)
{
    complain(err);
    tw_centre_use(service->centre, NULL);
    tw_mqtt_close(service->mqtt, 0);
    service->mqtt = NULL;
    service->more = false;
    plan_retry(service);
}

static void connect_broker(struct service *service)
{
    struct tw_error_text err = {""};
    if (tw_mqtt_open(&service->mqtt_options, tw_centre_hooks(), service->centre, &service->mqtt, &err) !=
        TW_OK) {
        if (err.text[0] != '\0') {
            complain(&err);
        }
        plan_retry(service);
        return;
    }
    tw_centre_use(service->centre, service->mqtt);
}

static void announce(struct service *service)
{
    if (!service->announced && tw_centre_is_ready(service->centre)) {
        service->announced = true;
        service->online_ms = now_ms();
        (void)fprintf(stderr, "tillwire-central: listening for tenant %s at %s port %d\n",
                      service->options.tenant, service->options.address.host, service->options.address.port);
    }
}

// What the network has, until that is enough for a commit. Corked: what libmosquitto answers to each message
// shares segments.
static int hear(struct service *service, short revents, struct tw_error_text *err)
{
    int heard = TW_OK;
    tw_mqtt_cork(service->mqtt, true);
    do {
        heard =
            tw_mqtt_run(service->mqtt, (short)(revents | (service->more ? POLLIN : 0)), &service->more, err);
    } while (heard == TW_OK && service->more && !tw_centre_is_due(service->centre));
    tw_mqtt_cork(service->mqtt, false);
    return heard;
}

// One turn: what the network has, then the commit, then its answers.
static int turn(struct service *service, short revents)
{
    struct tw_error_text err = {""};
    if (service->mqtt == NULL) {
        if (now_ms() >= service->retry_at_ms) {
            connect_broker(service);
        }
        return TW_OK;
    }
    int heard = hear(service, revents, &err);
    struct tw_error_text why = {""};
    int rc = tw_centre_commit(service->centre, &why);
    if (rc != TW_OK) {
        complain(&why);
        return rc;
    }
    announce(service);
    if (heard == TW_OK && tw_centre_is_refused(service->centre)) {
        heard = tw_fail(&err, TW_ERR_REFUSED,
                        "the broker does not allow to subscribe to tillwire/v1/%s; check its access list",
                        service->options.tenant);
    }
    if (heard != TW_OK) {
        disconnect(service, &err);
    }
    return TW_OK;
}

// ---- signals ----

static void reload(struct service *service)
{
    struct tw_error_text err = {""};
    if (service->options.members != NULL && tw_centre_load_members(service->centre, &err) != TW_OK) {
        complain(&err);
    }
}

// False: stop.
static bool take_signals(struct service *service)
{
    struct signalfd_siginfo info;
    while (read(service->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGHUP) {
            return false;
        }
        reload(service);
    }
    return true;
}

static int run(struct service *service)
{
    int rc = TW_OK;
    bool going = true;
    while (rc == TW_OK && going) {
        struct pollfd fds[2] = {{.fd = -1}, {.fd = service->signals, .events = POLLIN}};
        int64_t wait = service->retry_at_ms - now_ms();
        if (service->mqtt != NULL) {
            fds[0] =
                (struct pollfd){.fd = tw_mqtt_fd(service->mqtt), .events = tw_mqtt_prepare(service->mqtt)};
            wait = service->more ? 0 : TW_MQTT_KEEPALIVE_S * 1000 / 2;
        }
        (void)poll(fds, 2, wait > 0 ? (int)wait : 0);
        rc = turn(service, fds[0].revents);
        going = rc == TW_OK && take_signals(service);
    }
    return rc;
}

// ---- start and stop ----

static int begin_signals(struct service *service)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    service->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return service->signals >= 0 ? TW_OK : TW_ERR_IO;
}

static int begin_parts(struct service *service, struct tw_error_text *err)
{
    const struct tw_central_options *options = &service->options;
    int rc = tw_pem_check("--ca", options->ca, err);
    rc = rc != TW_OK ? rc : tw_pem_check("--cert", options->cert, err);
    rc = rc != TW_OK ? rc : tw_pem_check("--key", options->key, err);
    rc = rc != TW_OK ? rc : tw_seal_new(&service->seal, err);
    if (rc == TW_OK && options->pseudonym_key != NULL) {
        rc = tw_seal_load_key(service->seal, options->pseudonym_key, err);
    }
    rc = rc != TW_OK ? rc : tw_schema_load_dir(options->schemas, &service->schemas, err);
    rc = rc != TW_OK ? rc : tw_centre_store_open(options->database, &service->store, err);
    if (rc == TW_OK) {
        rc =
            tw_centre_new(&(struct tw_centre_parts){options, service->store, service->schemas, service->seal},
                          &service->centre);
    }
    if (rc == TW_OK && options->members != NULL) {
        rc = tw_centre_load_members(service->centre, err);
    }
    return rc;
}

static int begin(struct service *service, struct tw_error_text *err)
{
    int rc = begin_signals(service);
    rc = rc != TW_OK ? rc : tw_mqtt_library_begin(err);
    rc = rc != TW_OK ? rc : begin_parts(service, err);
    (void)snprintf(service->client_id, sizeof service->client_id, "%.40s-central", service->options.tenant);
    service->backoff = (struct tw_backoff){.min_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    if (rc == TW_OK) {
        rc = tw_seal_random(service->seal, (uint8_t *)&service->backoff.random,
                            sizeof service->backoff.random);
    }
    service->mqtt_options = (struct tw_mqtt_options){
        .address = service->options.address,
        .ca = service->options.ca,
        .cert = service->options.cert,
        .key = service->options.key,
        .client_id = service->client_id,
        .receive_maximum = RECEIVE_MAXIMUM,
        .cancel_fd = service->signals,
    };
    return rc;
}

static void end(struct service *service)
{
    tw_mqtt_close(service->mqtt, LEAVE_MS);
    tw_centre_free(service->centre);
    tw_centre_store_close(service->store);
    tw_schema_free(service->schemas);
    tw_seal_free(service->seal);
    tw_mqtt_library_end();
}

static int serve(const struct tw_central_options *options)
{
    struct service service = {.options = *options, .signals = -1};
    struct tw_error_text err = {"cannot start"};
    int rc = begin(&service, &err);
    if (rc != TW_OK) {
        complain(&err);
    } else {
        rc = run(&service);
    }
    end(&service);
    return rc == TW_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct tw_central_options options;
    struct tw_error_text err = {""};
    bool well = false;
    tw_central_options_parse(argc, argv, &options);
    if (!options.report) {
        return serve(&options);
    }
    if (tw_report(options.database, options.json, stdout, &well, &err) != TW_OK) {
        complain(&err);
    }
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

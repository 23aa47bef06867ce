// SPDX-License-Identifier: Apache-2.0
//
// What libmosquitto can do by itself: QoS 1 over TLS to a real broker, and a subscriber that counts what
// arrives. One run, one JSON object.
//
//   mqtt_bench publish --port P --ca CA --cert CERT --key KEY --id ID --topic T
//                      [--events N] [--window W] [--bytes B]
//   mqtt_bench count   (the same) [--events N]
//
// publish keeps W messages of B bytes open and prints how fast they were acknowledged. count prints
// "ready", takes what comes on T, prints "all" when N different sequence numbers are there, and stays, since
// what comes behind them needs a subscriber as well. At SIGTERM: how many of the N and how fast, and how many
// came twice, or after a later one for the first time.
#include <mosquitto.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench/figures.h"

enum { KEEP_ALIVE_S = 60, OWN_WINDOW = 60000, LOOP_MS = 100, MOST_BYTES = 65536 };

struct bench {
    struct mosquitto *client;
    const char *topic;
    unsigned long events, window, bytes;
    sem_t open, ready;
    char payload[MOST_BYTES];
    // of count
    uint8_t *seen; // by sequence number
    unsigned long arrived, distinct, doubled, disorder, newest;
    int64_t first_ns, last_ns;
};

static void check(const char *what, int rc)
{
    if (rc != MOSQ_ERR_SUCCESS) {
        bench_stop(what, mosquitto_strerror(rc));
    }
}

static void on_connect(struct mosquitto *client, void *ctx, int reason, int flags,
                       const mosquitto_property *props)
{
    (void)flags, (void)props;
    struct bench *bench = ctx;
    check("connect", reason);
    if (bench->seen != NULL) {
        check("subscribe", mosquitto_subscribe(client, NULL, bench->topic, 1));
    }
    (void)sem_post(&bench->ready);
}

static void on_publish(struct mosquitto *client, void *ctx, int mid, int reason,
                       const mosquitto_property *props)
{
    (void)client, (void)mid, (void)reason, (void)props;
    (void)sem_post(&((struct bench *)ctx)->open);
}

static struct mosquitto *open_client(struct bench *bench, int argc, char **argv)
{
    struct mosquitto *client = mosquitto_new(bench_option(argc, argv, "--id", "bench"), true, bench);
    if (client == NULL) {
        bench_stop("mosquitto_new", "out of memory");
    }
    check("protocol", mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5));
    check("options", mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1));
    check("certificates", mosquitto_tls_set(client, bench_option(argc, argv, "--ca", NULL), NULL,
                                            bench_option(argc, argv, "--cert", NULL),
                                            bench_option(argc, argv, "--key", NULL), NULL));
    check("TLS 1.3", mosquitto_tls_opts_set(client, 1, "tlsv1.3", NULL));
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_publish_v5_callback_set(client, on_publish);
    // Of count: never be what slows the broker down.
    unsigned window = bench->seen != NULL ? OWN_WINDOW : (unsigned)bench->window;
    check("window", mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, OWN_WINDOW));
    check("window", mosquitto_max_inflight_messages_set(client, window));
    return client;
}

static void connect_to(struct bench *bench, int argc, char **argv)
{
    int port = (int)bench_number(argc, argv, "--port", 8883);
    check("connect", mosquitto_connect(bench->client, bench_option(argc, argv, "--host", "127.0.0.1"), port,
                                       KEEP_ALIVE_S));
}

// ---- publish ----

static void publish(struct bench *bench, int argc, char **argv)
{
    connect_to(bench, argc, argv);
    check("thread", mosquitto_loop_start(bench->client));
    (void)sem_wait(&bench->ready);
    int64_t began = bench_now_ns();
    for (unsigned long i = 0; i < bench->events + bench->window; i++) {
        (void)sem_wait(&bench->open);
        if (i < bench->events) {
            check("publish", mosquitto_publish_v5(bench->client, NULL, bench->topic, (int)bench->bytes,
                                                  bench->payload, 1, false, NULL));
        }
    }
    double seconds = (double)(bench_now_ns() - began) / 1e9;
    (void)printf("{\"events\":%lu,\"window\":%lu,\"bytes\":%lu,\"per_s\":%.1f}\n", bench->events,
                 bench->window, bench->bytes, (double)bench->events / seconds);
    (void)mosquitto_disconnect(bench->client);
    (void)mosquitto_loop_stop(bench->client, false);
}

// ---- count ----

static void tell(const char *word)
{
    (void)puts(word);
    (void)fflush(stdout);
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message,
                       const mosquitto_property *props)
{
    (void)client, (void)props;
    static const char name[] = "\"sequence\":\"";
    struct bench *bench = ctx;
    const char *found = memmem(message->payload, (size_t)message->payloadlen, name, sizeof name - 1);
    unsigned long sequence = found != NULL ? strtoul(found + sizeof name - 1, NULL, 10) : 0;
    if (sequence == 0 || sequence > bench->events) {
        return;
    }
    bench->arrived++;
    bench->last_ns = bench_now_ns();
    bench->first_ns = bench->arrived == 1 ? bench->last_ns : bench->first_ns;
    if (bench->seen[sequence] != 0) {
        bench->doubled++;
        return;
    }
    bench->seen[sequence] = 1;
    bench->distinct++;
    bench->disorder += sequence < bench->newest ? 1 : 0;
    bench->newest = sequence > bench->newest ? sequence : bench->newest;
    if (bench->distinct == bench->events) {
        tell("all");
    }
}

static void on_subscribe(struct mosquitto *client, void *ctx, int mid, int count, const int *granted,
                         const mosquitto_property *props)
{
    (void)client, (void)ctx, (void)mid, (void)props;
    if (count != 1 || granted[0] > 2) {
        bench_stop("subscribe", "the broker refused");
    }
    tell("ready");
}

static void count(struct bench *bench, int argc, char **argv)
{
    sigset_t end;
    struct timespec at_once = {0};
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &end, NULL);
    mosquitto_message_v5_callback_set(bench->client, on_message);
    mosquitto_subscribe_v5_callback_set(bench->client, on_subscribe);
    connect_to(bench, argc, argv);
    while (sigtimedwait(&end, NULL, &at_once) != SIGTERM) {
        check("connection", mosquitto_loop(bench->client, LOOP_MS, 1));
    }
    double seconds = (double)(bench->last_ns - bench->first_ns) / 1e9;
    (void)printf("{\"arrived\":%lu,\"distinct\":%lu,\"doubled\":%lu,\"disorder\":%lu,\"seconds\":%.4f,\"per_"
                 "s\":%.1f}\n",
                 bench->arrived, bench->distinct, bench->doubled, bench->disorder, seconds,
                 seconds > 0 ? (double)bench->distinct / seconds : 0);
    (void)mosquitto_disconnect(bench->client);
}

int main(int argc, char **argv)
{
    struct bench bench = {.topic = bench_option(argc, argv, "--topic", "bench"),
                          .events = bench_number(argc, argv, "--events", 30000),
                          .window = bench_number(argc, argv, "--window", 100),
                          .bytes = bench_number(argc, argv, "--bytes", BENCH_EVENT_BYTES)};
    bool counts = argc > 1 && strcmp(argv[1], "count") == 0;
    if (argc < 2 || (!counts && strcmp(argv[1], "publish") != 0) || bench.window == 0 ||
        bench.bytes > MOST_BYTES) {
        (void)fprintf(stderr,
                      "usage: mqtt_bench publish|count --port P --ca CA --cert CERT --key KEY --id ID "
                      "--topic T [--events N] [--window W] [--bytes B]\n");
        return 2;
    }
    bench.seen = counts ? calloc(bench.events + 1, 1) : NULL;
    (void)sem_init(&bench.open, 0, (unsigned)bench.window);
    (void)sem_init(&bench.ready, 0, 0);
    (void)mosquitto_lib_init();
    bench.client = open_client(&bench, argc, argv);
    if (counts) {
        count(&bench, argc, argv);
    } else {
        publish(&bench, argc, argv);
    }
    mosquitto_destroy(bench.client);
    (void)mosquitto_lib_cleanup();
    free(bench.seen);
    return 0;
}

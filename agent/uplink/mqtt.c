// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/mqtt.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/ssl.h>

#include "agent/uplink/why.h"

// Messages handled before the owner is given a turn: the centre commits and answers these while the next
// come.
#define ROUNDS 32

// What a callback of libmosquitto heard; topic (with its NUL) and payload follow it in `heard`.
struct note {
    enum { READY, SUBSCRIBED, PUBACK, MESSAGE } kind;
    int number; // receive maximum; all granted; packet id
    int reason;
    size_t topic_bytes, payload_bytes;
};

struct tw_mqtt {
    struct mosquitto *mosq;
    const struct tw_mqtt_options *options;
    const struct tw_mqtt_hooks *hooks;
    void *ctx;
    struct tw_tls *tls;  // the options' or
    struct tw_tls *own;  // this one's
    struct tw_why why;   // what libmosquitto said, for the sentence at the end
    struct tw_buf heard; // notes not yet told
};

int tw_mqtt_library_begin(struct tw_error_text *err)
{
    int rc = mosquitto_lib_init();
    return rc == MOSQ_ERR_SUCCESS
               ? TW_OK
               : tw_fail(err, TW_ERR_IO, "cannot start libmosquitto: %s", mosquitto_strerror(rc));
}

void tw_mqtt_library_end(void)
{
    (void)mosquitto_lib_cleanup();
}

// ---- callbacks ----
// They only take notes: what the owner does in answer would call libmosquitto again within its locks.
// Each ends with errno 0: mosquitto_loop_read takes an EAGAIN that is left behind for its own and
// stops with packets still inside the TLS layer, where poll(2) does not see them (2.0.11, loop.c).

static void take_note(struct tw_mqtt *mqtt, const struct note *note, const void *topic, const void *payload)
{
    tw_buf_add(&mqtt->heard, note, sizeof *note);
    tw_buf_add(&mqtt->heard, topic, note->topic_bytes);
    tw_buf_add(&mqtt->heard, payload, note->payload_bytes);
    errno = 0;
}

static void on_connect(struct mosquitto *mosq, void *obj, int reason, int flags,
                       const mosquitto_property *props)
{
    struct tw_mqtt *mqtt = obj;
    uint16_t receive_maximum = UINT16_MAX; // MQTT 5 section 3.2.2.3.3
    (void)flags;
    mqtt->why.answered = true;
    mqtt->why.reason = reason;
    if (reason == 0) {
        (void)mosquitto_property_read_int16(props, MQTT_PROP_RECEIVE_MAXIMUM, &receive_maximum, false);
        // What it says explains a failed start. From now on it would write a line for every packet.
        mosquitto_log_callback_set(mosq, NULL);
        take_note(mqtt, &(struct note){.kind = READY, .number = receive_maximum}, "", "");
        return;
    }
    char *server = NULL; // MQTT 5 section 4.13: where it wants this terminal instead
    if (mosquitto_property_read_string(props, MQTT_PROP_SERVER_REFERENCE, &server, false) != NULL) {
        tw_why_server(&mqtt->why, server);
        free(server);
    }
    errno = 0;
}

static void on_disconnect(struct mosquitto *mosq, void *obj, int rc, const mosquitto_property *props)
{
    struct tw_mqtt *mqtt = obj;
    (void)mosq;
    (void)props;
    if (rc >= 0x80 && mqtt->why.reason == 0) { // a DISCONNECT of the broker, MQTT 5 section 3.14.2.1
        mqtt->why.reason = rc;
    }
}

static void on_publish(struct mosquitto *mosq, void *obj, int mid, int reason,
                       const mosquitto_property *props)
{
    (void)mosq;
    (void)props;
    take_note(obj, &(struct note){.kind = PUBACK, .number = mid, .reason = reason}, "", "");
}

static void on_subscribe(struct mosquitto *mosq, void *obj, int mid, int count, const int *granted,
                         const mosquitto_property *props)
{
    bool all = true;
    (void)mosq;
    (void)mid;
    (void)props;
    for (int i = 0; i < count; i++) {
        all = all && granted[i] < 0x80; // MQTT 5 section 3.9.3
    }
    take_note(obj, &(struct note){.kind = SUBSCRIBED, .number = all}, "", "");
}

static void on_message(struct mosquitto *mosq, void *obj, const struct mosquitto_message *message,
                       const mosquitto_property *props)
{
    (void)mosq;
    (void)props;
    take_note(obj,
              &(struct note){.kind = MESSAGE,
                             .topic_bytes = strlen(message->topic) + 1,
                             .payload_bytes = (size_t)message->payloadlen},
              message->topic, message->payload);
}

static void on_log(struct mosquitto *mosq, void *obj, int level, const char *text)
{
    struct tw_mqtt *mqtt = obj;
    (void)mosq;
    if (level == MOSQ_LOG_ERR) {
        tw_why_note(&mqtt->why, text);
    }
}

// ---- life ----

static int configure(struct tw_mqtt *mqtt)
{
    const struct tw_mqtt_options *options = mqtt->options;
    struct mosquitto *mosq = mqtt->mosq;
    int rc = mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    rc = rc ? rc : mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    rc = rc ? rc : mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX); // the CONNACK lowers it
    rc = rc ? rc : mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, (int)options->receive_maximum);
    // With an own context libmosquitto sets the name in the handshake (SNI) and nothing else: no file, no
    // check of the broker's name (2.0.11, net__init_ssl_ctx). All of that is tls.c's.
    rc = rc ? rc : mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    rc = rc ? rc : mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, tw_tls_context(mqtt->tls));
    if (rc == 0 && options->will_topic != NULL) {
        rc =
            mosquitto_will_set(mosq, options->will_topic, (int)strlen(options->will), options->will, 1, true);
    }
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_publish_v5_callback_set(mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribe);
    mosquitto_message_v5_callback_set(mosq, on_message);
    mosquitto_log_callback_set(mosq, on_log);
    return rc;
}

static int begin(struct tw_mqtt *mqtt, const char *bind_any)
{
    const struct tw_proxy *proxy = mqtt->options->proxy; // then the way is open already: tw_tls_tunnel
    const struct tw_address *address = proxy != NULL ? &proxy->address : &mqtt->options->address;
    mosquitto_property *props = NULL;
    int rc = configure(mqtt);
    rc = rc ? rc : mosquitto_property_add_int32(&props, MQTT_PROP_MAXIMUM_PACKET_SIZE, TW_MQTT_MAX_BYTES);
    rc = rc ? rc
            : mosquitto_connect_bind_v5(mqtt->mosq, address->host, address->port, TW_MQTT_KEEPALIVE_S,
                                        bind_any, props);
    mosquitto_property_free_all(&props);
    return rc;
}

// Whether the broker can be reached. Through a proxy `tunnel` gets the connection, else -1.
static int reach(const struct tw_mqtt_options *options, const char **bind_any, int *tunnel,
                 struct tw_error_text *err)
{
    *tunnel = -1;
    return options->proxy != NULL
               ? tw_proxy_open(options->proxy, &options->address, TW_MQTT_REACH_MS, options->cancel_fd,
                               bind_any, tunnel, err)
               : tw_reach(&options->address, TW_MQTT_REACH_MS, options->cancel_fd, bind_any, err);
}

// The context of the connection: the owner's, or one of its own.
static int take_tls(struct tw_mqtt *mqtt, struct tw_error_text *err)
{
    const struct tw_mqtt_options *options = mqtt->options;
    mqtt->tls = options->tls;
    if (mqtt->tls != NULL) {
        return TW_OK;
    }
    int rc = tw_tls_new(&(struct tw_tls_options){.ca = options->ca,
                                                 .cert = options->cert,
                                                 .key = options->key,
                                                 .host = options->address.host,
                                                 .alpn = options->alpn,
                                                 .time_ms = (int64_t)time(NULL) * 1000},
                        &mqtt->own, err);
    mqtt->tls = mqtt->own;
    return rc;
}

static int begin_all(struct tw_mqtt *mqtt, struct tw_error_text *err)
{
    const struct tw_mqtt_options *options = mqtt->options;
    const char *bind_any = NULL;
    int tunnel = -1;
    int rc = take_tls(mqtt, err);
    rc = rc != TW_OK ? rc : reach(options, &bind_any, &tunnel, err);
    if (rc != TW_OK) {
        return rc;
    }
    tw_tls_tunnel(mqtt->tls, tunnel, options->address.host);
    mqtt->mosq = mosquitto_new(options->client_id, true, mqtt);
    int mosq_rc = mqtt->mosq != NULL ? begin(mqtt, bind_any) : MOSQ_ERR_NOMEM;
    tw_tls_tunnel(mqtt->tls, -1, "");
    if (mosq_rc != MOSQ_ERR_SUCCESS) {
        tw_why_say(&mqtt->why, options, mqtt->tls, mosquitto_strerror(mosq_rc), err);
        return TW_ERR_IO;
    }
    return TW_OK;
}

int tw_mqtt_open(const struct tw_mqtt_options *options, const struct tw_mqtt_hooks *hooks, void *ctx,
                 struct tw_mqtt **out, struct tw_error_text *err)
{
    struct tw_mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (mqtt == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "cannot connect to the broker: out of memory");
    }
    *mqtt = (struct tw_mqtt){.options = options, .hooks = hooks, .ctx = ctx};
    int rc = begin_all(mqtt, err);
    if (rc != TW_OK) {
        tw_mqtt_close(mqtt, 0);
        return rc;
    }
    *out = mqtt;
    return TW_OK;
}

int tw_mqtt_reason(const struct tw_mqtt *mqtt)
{
    return mqtt->why.reason;
}

int tw_mqtt_fd(const struct tw_mqtt *mqtt)
{
    return mosquitto_socket(mqtt->mosq);
}

// A broker that leaves Nagle's algorithm on (Mosquitto's default) holds each next small packet back until
// TCP has acknowledged the one before; after a write of this side the kernel delays that by 40 ms. This
// sends what is due now and ends the delay until the next write (tcp(7)).
static void hurry_acks(const struct tw_mqtt *mqtt)
{
    int on = 1;
    (void)setsockopt(mosquitto_socket(mqtt->mosq), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

short tw_mqtt_prepare(struct tw_mqtt *mqtt)
{
    hurry_acks(mqtt);
    return (short)(POLLIN | (mosquitto_want_write(mqtt->mosq) ? POLLOUT : 0));
}

static void tell(struct tw_mqtt *mqtt, const struct note *note, const uint8_t *rest)
{
    switch (note->kind) {
    case READY:
        mqtt->hooks->on_ready(mqtt->ctx, (unsigned)note->number);
        break;
    case SUBSCRIBED:
        mqtt->hooks->on_subscribed(mqtt->ctx, note->number != 0);
        break;
    case PUBACK:
        mqtt->hooks->on_puback(mqtt->ctx, note->number, note->reason);
        break;
    case MESSAGE:
        mqtt->hooks->on_message(mqtt->ctx, (const char *)rest,
                                tw_slice_make(rest + note->topic_bytes, note->payload_bytes));
        break;
    }
}

// Tells the owner what was heard; gives how much that was. A hook never reads, so no notes are added.
static int tell_all(struct tw_mqtt *mqtt)
{
    int count = 0;
    size_t at = 0;
    while (at < mqtt->heard.len) {
        struct note note;
        memcpy(&note, mqtt->heard.ptr + at, sizeof note);
        at += sizeof note;
        tell(mqtt, &note, mqtt->heard.ptr + at);
        at += note.topic_bytes + note.payload_bytes;
        count++;
    }
    tw_buf_clear(&mqtt->heard);
    return count;
}

// Records that were read ahead: poll(2) does not see them. Part of one can stay, until the socket has more.
static bool holds_more(const struct tw_mqtt *mqtt)
{
    const SSL *ssl = mosquitto_ssl_get(mqtt->mosq);
    return ssl != NULL && SSL_has_pending(ssl) == 1;
}

static int read_all(struct tw_mqtt *mqtt, bool *more)
{
    int count = 0;
    while (count < ROUNDS) {
        errno = 0;
        int rc = mosquitto_loop_read(mqtt->mosq, 1);
        bool dry = errno == EAGAIN;
        if (mqtt->heard.failed) {
            return MOSQ_ERR_NOMEM; // notes are missing: only a new connection makes it good
        }
        int told = tell_all(mqtt);
        bool over = told == 0 && (dry || !mqtt->why.answered || !holds_more(mqtt));
        if (rc != MOSQ_ERR_SUCCESS || mosquitto_socket(mqtt->mosq) < 0 || over) {
            return rc;
        }
        count += told > 0 ? told : 1; // 1: what has no note, a PINGRESP
    }
    *more = true;
    return MOSQ_ERR_SUCCESS;
}

// A peer that closes during the TLS handshake: libmosquitto 2.0.11 reports success for ever
// (net__socket_connect_tls takes SSL_ERROR_SYSCALL for "not yet").
static bool hung_up(const struct tw_mqtt *mqtt)
{
    char byte;
    return !mqtt->why.answered && !holds_more(mqtt) && // else it may have said why
           recv(mosquitto_socket(mqtt->mosq), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int tw_mqtt_run(struct tw_mqtt *mqtt, short revents, bool *more, struct tw_error_text *err)
{
    int rc = MOSQ_ERR_SUCCESS;
    *more = false;
    if ((revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
        rc = read_all(mqtt, more);
        hurry_acks(mqtt);
    }
    if (rc == MOSQ_ERR_SUCCESS && mosquitto_want_write(mqtt->mosq)) {
        tw_mqtt_cork(mqtt, true);
        rc = mosquitto_loop_write(mqtt->mosq, 1);
        tw_mqtt_cork(mqtt, false);
    }
    if (rc == MOSQ_ERR_SUCCESS) {
        rc = mosquitto_loop_misc(mqtt->mosq);
    }
    if (rc == MOSQ_ERR_SUCCESS && mosquitto_socket(mqtt->mosq) >= 0 && !hung_up(mqtt)) {
        return TW_OK;
    }
    tw_why_say(&mqtt->why, mqtt->options, mqtt->tls,
               rc != MOSQ_ERR_SUCCESS ? mosquitto_strerror(rc) : "closed", err);
    return TW_ERR_CLOSED;
}

int tw_mqtt_subscribe(struct tw_mqtt *mqtt, const char *const *topics, size_t count)
{
    char *list[16];
    if (count == 0 || count > sizeof list / sizeof list[0]) {
        return TW_ERR_INVALID;
    }
    memcpy(list, topics, count * sizeof list[0]);
    int rc = mosquitto_subscribe_multiple(mqtt->mosq, NULL, (int)count, list, 1, 0, NULL);
    return rc == MOSQ_ERR_SUCCESS ? TW_OK : TW_ERR_CLOSED;
}

int tw_mqtt_publish(struct tw_mqtt *mqtt, const struct tw_mqtt_message *message, int *mid)
{
    mosquitto_property *props = NULL;
    int given = 0;
    if (mosquitto_socket(mqtt->mosq) < 0 || !mqtt->why.answered) {
        return TW_ERR_CLOSED; // libmosquitto would queue without limit
    }
    if (message->content_type != NULL &&
        mosquitto_property_add_string(&props, MQTT_PROP_CONTENT_TYPE, message->content_type) !=
            MOSQ_ERR_SUCCESS) {
        return TW_ERR_NOMEM;
    }
    int rc = mosquitto_publish_v5(mqtt->mosq, &given, message->topic, (int)message->payload.len,
                                  message->payload.ptr, 1, message->retain, props);
    mosquitto_property_free_all(&props);
    if (rc == MOSQ_ERR_NOMEM) {
        return TW_ERR_NOMEM;
    }
    if (rc != MOSQ_ERR_SUCCESS) {
        return rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_PAYLOAD_SIZE ? TW_ERR_TOO_LARGE
                                                                             : TW_ERR_CLOSED;
    }
    *mid = given;
    return TW_OK;
}

void tw_mqtt_cork(struct tw_mqtt *mqtt, bool corked)
{
    int on = corked;
    (void)setsockopt(mosquitto_socket(mqtt->mosq), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

void tw_mqtt_close(struct tw_mqtt *mqtt, int wait_ms)
{
    if (mqtt == NULL) {
        return;
    }
    if (mqtt->mosq != NULL && wait_ms > 0 && mosquitto_disconnect(mqtt->mosq) == MOSQ_ERR_SUCCESS) {
        struct pollfd fd = {.fd = mosquitto_socket(mqtt->mosq), .events = POLLOUT};
        while (fd.fd >= 0 && mosquitto_want_write(mqtt->mosq) && poll(&fd, 1, wait_ms) > 0 &&
               mosquitto_loop_write(mqtt->mosq, 1) == MOSQ_ERR_SUCCESS) {
            fd.fd = mosquitto_socket(mqtt->mosq);
        }
    }
    if (mqtt->mosq != NULL) {
        mosquitto_destroy(mqtt->mosq);
    }
    tw_tls_free(mqtt->own);
    tw_buf_free(&mqtt->heard);
    free(mqtt);
}

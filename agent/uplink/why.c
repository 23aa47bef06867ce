// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/why.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/uplink/flow.h"
#include "agent/uplink/mqtt.h"
#include "agent/uplink/reasons.h"

void tw_why_note(struct tw_why *why, const char *line)
{
    size_t len = strlen(why->log);
    (void)snprintf(why->log + len, sizeof why->log - len, "%s\n", line);
}

// It goes into a sentence: no more than plain characters of a stranger's text.
void tw_why_server(struct tw_why *why, const char *server)
{
    (void)snprintf(why->server, sizeof why->server, "%s", server);
    for (char *at = why->server; *at != '\0'; at++) {
        *at = *at > ' ' && *at <= '~' ? *at : '?';
    }
}

// The words are those of libmosquitto 2.0 (lib/net_mosq.c) and OpenSSL 3 (ERR_error_string); what
// they stand for is RFC 8446 section 6.2.
enum file { NONE, CA, CERT };
struct rule {
    const char *words;
    const char *says; // %s: the file
    enum file file;
};

// The first that fits holds.
static const struct rule rules[] = {
    {"certificate verify failed",
     "its certificate is not signed by the CA in %s, or not valid at this terminal's time; check both", CA},
    {"alert unknown ca",
     "it does not know the CA that signed %s; have the certificate signed by the broker's CA", CERT},
    {"alert certificate expired",
     "it says the certificate %s has expired; renew it, or correct the clock that is wrong", CERT},
    {"alert certificate revoked", "it says the certificate %s is revoked; enrol the terminal anew", CERT},
    {"alert certificate required", "it wants a client certificate and %s was not accepted as one; renew it",
     CERT},
    {"alert bad certificate", "it refused the certificate %s; renew it", CERT},
    {"alert protocol version", "it does not speak TLS 1.3; update the broker%s", NONE},
    {"alert no application protocol", "it offers no MQTT at this port (ALPN); check uplink.alpn%s", NONE},
    {"alert", "it refused the TLS handshake with the certificate %s; see the broker's log", CERT},
    {"wrong version number", "what listens there does not speak TLS; check the port%s", NONE},
    {"unsupported protocol", "it does not speak TLS 1.3; update the broker%s", NONE},
};

static const char *file_of(enum file file, const struct tw_mqtt_options *options)
{
    const char *const files[] = {[NONE] = "", [CA] = options->ca, [CERT] = options->cert};
    return files[file] != NULL ? files[file] : "";
}

static const struct rule *find(const char *log)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strstr(log, rules[i].words) != NULL) {
            return &rules[i];
        }
    }
    return NULL;
}

static void say_rule(const struct rule *rule, const struct tw_mqtt_options *options, char out[400])
{
    const char *gap = strstr(rule->says, "%s");
    (void)snprintf(out, 400, "%.*s%s%s", (int)(gap - rule->says), rule->says, file_of(rule->file, options),
                   gap + 2);
}

static void say_reason(const struct tw_why *why, char out[400])
{
    const struct tw_reason *reason = tw_reason_find(why->reason);
    if (reason->says == NULL) {
        (void)snprintf(out, 400, "it gives the reason code 0x%02x; %s", (unsigned)why->reason,
                       reason->remedy);
        return;
    }
    (void)snprintf(out, 400, "%s (0x%02x)%s%s%s%s", reason->says, (unsigned)why->reason,
                   why->server[0] != '\0' ? ", to " : "", why->server, reason->remedy[0] != '\0' ? "; " : "",
                   reason->remedy);
}

// The connection ended and nobody said why.
static void say_lost(const struct tw_why *why, const struct tw_mqtt_options *options,
                     const struct tw_tls *tls, const char *rest, char out[400])
{
    struct tw_error_text own = {""};
    if (why->answered) {
        (void)snprintf(out, 400, "the connection was lost (%s)", rest);
    } else if (tls != NULL && tw_tls_own(tls, &own) != TW_OK) {
        (void)snprintf(out, 400, "it closed the connection, and %.360s", own.text);
    } else { // a refused certificate can look like this: its alert is lost with the connection
        (void)snprintf(out, 400,
                       "it closed the connection before it answered (%s); see its log, it may not accept the "
                       "certificate %s",
                       rest, file_of(CERT, options));
    }
}

void tw_why_say(const struct tw_why *why, const struct tw_mqtt_options *options, const struct tw_tls *tls,
                const char *rest, struct tw_error_text *err)
{
    const struct rule *rule = find(why->log);
    struct tw_error_text refused = {""};
    char text[400], way[340] = "";
    if (tls != NULL && tw_tls_refused(tls, &refused) != TW_OK) {
        (void)snprintf(text, sizeof text, "%.399s", refused.text);
    } else if (rule != NULL && rule->file == CERT && tls != NULL && tw_tls_own(tls, &refused) != TW_OK) {
        (void)snprintf(text, sizeof text, "it refuses the certificate: %.370s", refused.text);
    } else if (rule != NULL) {
        say_rule(rule, options, text);
    } else if (why->reason != 0) {
        say_reason(why, text);
    } else {
        say_lost(why, options, tls, rest, text);
    }
    if (options->proxy != NULL) {
        (void)snprintf(way, sizeof way, " through the proxy %s port %d", options->proxy->address.host,
                       options->proxy->address.port);
    }
    (void)tw_fail(err, 0, "broker %s port %d%s: %s", options->address.host, options->address.port, way, text);
}

static void say_refused(const struct tw_flow_action *action, const char *then, struct tw_error_text *err)
{
    const struct tw_reason *reason = tw_reason_find(action->reason);
    bool row = action->alarm == TW_FLOW_ROW_REFUSED;
    char which[40] = "the events";
    if (row) {
        (void)snprintf(which, sizeof which, "event %" PRIu64, action->from);
    }
    (void)tw_fail(err, 0, "the broker refuses %s (reason code 0x%02x%s%s)%s%s; %s", which,
                  (unsigned)action->reason, reason->says != NULL ? ": " : "",
                  reason->says != NULL ? reason->says : "", reason->remedy[0] != '\0' ? "; " : "",
                  reason->remedy, then);
}

void tw_why_alarm(const struct tw_flow_action *action, const char *prefix, struct tw_error_text *err)
{
    switch (action->alarm) {
    case TW_FLOW_NO_SUBSCRIBER:
        (void)tw_fail(
            err, 0,
            "nobody at the broker takes the events (PUBACK 0x10); start the central service, it has to "
            "subscribe to %sevt/#",
            prefix);
        break;
    case TW_FLOW_REFUSED:
        say_refused(action, "they are kept and tried again", err);
        break;
    case TW_FLOW_ROW_REFUSED:
        say_refused(action, "if it refuses this one again it goes to the dead letters", err);
        break;
    case TW_FLOW_TWIN:
        (void)tw_fail(err, 0,
                      "another client connected with this terminal's id a moment ago; make sure that no two "
                      "terminals share tenant, store and terminal");
        break;
    case TW_FLOW_SHORT_LIVED:
        (void)tw_fail(
            err, 0,
            "%d connections in a row ended soon after they were made; check the network, and in the "
            "broker's log whether two terminals share tenant, store and terminal (\"already "
            "connected\")",
            TW_FLOW_SHORT_LIVES);
        break;
    case TW_FLOW_NO_ACK:
        (void)tw_fail(err, 0, "the central service did not acknowledge for %d s; check that it runs",
                      TW_FLOW_PATIENCE_MS / 1000);
        break;
    case TW_FLOW_STALLED:
        (void)tw_fail(err, 0, "the broker answered no publish for %d s; connecting again",
                      TW_FLOW_STALL_MS / 1000);
        break;
    case TW_FLOW_SILENT:
        (void)tw_fail(err, 0, "the broker took the connection but did not answer within %d s; check it",
                      TW_FLOW_CONNECT_MS / 1000);
        break;
    }
}

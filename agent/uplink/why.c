// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/why.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/uplink/flow.h"
#include "agent/uplink/mqtt.h"

void tw_why_note(struct tw_why *why, const char *line)
{
    if (strstr(line, "host name verification failed") != NULL) {
        why->host_mismatch = true;
    } else {
        size_t len = strlen(why->log);
        (void)snprintf(why->log + len, sizeof why->log - len, "%s\n", line);
    }
}

// The words are those of libmosquitto 2.0 (lib/net_mosq.c) and OpenSSL 3 (ERR_error_string); what
// they stand for is RFC 8446 section 6.2.
enum file { NONE, CA, CERT, KEY };
struct rule {
    const char *words;
    const char *says; // %s: the file
    enum file file;
};

// The first that fits holds.
static const struct rule rules[] = {
    {"key values mismatch",
     "the key file %s does not belong to the certificate; give the pair that was made together", KEY},
    {"Unable to load CA", "the CA file %s cannot be used: it holds no certificate; replace it", CA},
    {"Unable to load client certificate",
     "the certificate file %s cannot be used: it holds no certificate; replace it", CERT},
    {"Unable to load client key",
     "the key file %s cannot be used: it holds no unencrypted private key; replace it", KEY},
    {"certificate verify failed",
     "its certificate is not signed by the CA in %s, or not valid at this terminal's time; check both", CA},
    {"alert unknown ca",
     "it does not know the CA that signed %s; have the certificate signed by the broker's CA", CERT},
    {"alert certificate expired", "it says the certificate %s has expired; renew it", CERT},
    {"alert certificate revoked", "it says the certificate %s is revoked; enrol the terminal anew", CERT},
    {"alert certificate required", "it wants a client certificate and %s was not accepted as one; renew it",
     CERT},
    {"alert bad certificate", "it refused the certificate %s; renew it", CERT},
    {"alert", "it refused the TLS handshake with the certificate %s; see the broker's log", CERT},
    {"wrong version number", "what listens there does not speak TLS; check the port%s", NONE},
    {"unsupported protocol", "it does not speak TLS 1.3; update the broker%s", NONE},
};

static const char *file_of(enum file file, const struct tw_mqtt_options *options)
{
    const char *const files[] = {
        [NONE] = "", [CA] = options->ca, [CERT] = options->cert, [KEY] = options->key};
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

// MQTT 5 sections 3.2.2.2 and 3.14.2.1.
static const char *reason_text(int reason)
{
    switch (reason) {
    case 0x85:
        return "it refused the client id; check tenant, store and terminal";
    case 0x86:
    case 0x87:
        return "it does not allow this terminal; check the certificate's name and the broker's access list";
    case 0x84:
        return "it does not speak MQTT 5; update the broker";
    case 0x88:
    case 0x89:
    case 0x8b:
    case 0x9f:
        return "it is too busy or shutting down; it is tried again";
    case 0x8e:
        return "another client connected with the same id; make sure that no two terminals share tenant, "
               "store "
               "and terminal";
    case 0x95:
        return "it refused a packet as too large; raise the broker's packet limit to 128 KiB or more";
    case 0x97:
        return "its quota is used up; raise it";
    default:
        return NULL;
    }
}

void tw_why_say(const struct tw_why *why, const struct tw_mqtt_options *options, const char *rest,
                struct tw_error_text *err)
{
    const struct rule *rule = find(why->log);
    const char *reason = reason_text(why->reason);
    char text[400];
    if (why->host_mismatch) {
        (void)snprintf(
            text, sizeof text,
            "its certificate is for another host name; check uplink.url or the certificate's names");
    } else if (rule != NULL) {
        int len =
            snprintf(text, sizeof text, "%.*s", (int)(strstr(rule->says, "%s") - rule->says), rule->says);
        (void)snprintf(text + len, sizeof text - (size_t)len, "%s%s", file_of(rule->file, options),
                       strstr(rule->says, "%s") + 2);
    } else if (reason != NULL) {
        (void)snprintf(text, sizeof text, "%s", reason);
    } else if (why->reason != 0) {
        (void)snprintf(text, sizeof text, "reason code 0x%02x", (unsigned)why->reason);
    } else if (!why->answered) { // a refused certificate too can look like this: its alert is lost with the
                                 // connection
        (void)snprintf(text, sizeof text,
                       "it closed the connection before it answered (%s); see its log, it may not accept the "
                       "certificate %s",
                       rest, file_of(CERT, options));
    } else {
        (void)snprintf(text, sizeof text, "the connection was lost (%s)", rest);
    }
    (void)tw_fail(err, 0, "broker %s port %d: %s", options->address.host, options->address.port, text);
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
        (void)tw_fail(
            err, 0, "the broker refuses the events with reason code 0x%02x%s; they are kept and tried again",
            (unsigned)action->reason, action->reason == 0x87 ? " (not allowed: check its access list)" : "");
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

// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/poslog_flight.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tillwire/json.h"

struct tw_poslog_flight *tw_poslog_flight_new(struct tw_lane *lane, struct tw_poslog_fact *fact)
{
    struct tw_poslog_flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL) {
        return NULL;
    }
    uint8_t hash[32];
    tw_seal_sha256(fact->text, hash);
    tw_seal_hex(hash, sizeof hash, flight->sha256);
    flight->sale = fact->sale;
    fact->sale = NULL;
    flight->reason = fact->reason;
    (void)snprintf(flight->detail, sizeof flight->detail, "%s", fact->detail != NULL ? fact->detail : "");
    flight->lines = fact->lines;
    flight->bytes = fact->bytes;
    flight->index = fact->index;
    flight->read_ms = lane->with.clock->wall_ms(lane->with.clock);
    return flight;
}

void tw_poslog_flight_free(struct tw_poslog_flight *flight)
{
    tw_sale_free(flight->sale);
    tw_seal_wipe(flight, sizeof *flight);
    free(flight);
}

bool tw_poslog_flight_again(struct tw_poslog_flight *flight, int error)
{
    if (flight->sale == NULL) {
        return false;
    }
    if (error == TW_ERR_TOO_LARGE) {
        tw_sale_free(flight->sale);
        flight->sale = NULL;
        flight->reason = "too_long";
        (void)snprintf(flight->detail, sizeof flight->detail,
                       "Transaction %llu is larger than an event may be.", (unsigned long long)flight->index);
        return true;
    }
    bool again = error == TW_ERR_EXISTS && !flight->apart;
    flight->apart = flight->apart || again;
    return again;
}

// ---- where and when ----

// The first bytes of a hash of what is given, in hex.
static void short_hash(struct tw_slice bytes, size_t count, char *out)
{
    uint8_t hash[32];
    tw_seal_sha256(bytes, hash);
    tw_seal_hex(hash, count, out);
}

// A name of a till as ids may be (A-Z, a-z, 0-9, _; 32 at most). What is lost by that stands behind it in
// short: REG-1 and REG 1 are two tills.
static const char *named_by(const char *found, char out[33])
{
    char hash[9];
    size_t len = 0;
    bool changed = strlen(found) > 32;
    for (; len < 32 && found[len] != '\0'; len++) {
        unsigned char c = (unsigned char)found[len];
        bool good = c < 0x80 && (isalnum(c) || c == '_');
        out[len] = (char)(good ? c : '_');
        changed = changed || !good;
    }
    out[len] = '\0';
    if (changed) {
        len = len < 23 ? len : 23;
        short_hash(tw_slice_of(found), 4, hash);
        (void)snprintf(out + len, 33 - len, "_%s", hash);
    }
    return out;
}

// The till: as configured for the folder; else as the file says, in the spelling of the configuration where
// it is one of ours: a folder may hold the sales of a whole store, whose numbers repeat from till to till.
static const char *workstation_of(const struct tw_lane *lane, const struct tw_device_config *config,
                                  const struct tw_sale *sale, char out[33])
{
    const char *found = sale->workstation;
    if (config->workstation != NULL) {
        return config->workstation;
    }
    if (found == NULL || found[0] == '\0' || tw_drift_same(found, lane->with.config->terminal)) {
        return lane->with.config->terminal;
    }
    for (size_t i = 0; i < lane->identity_count; i++) {
        if (tw_drift_same(found, lane->identities[i].workstation)) {
            return lane->identities[i].workstation;
        }
    }
    return named_by(found, out);
}

// The wall clock of a printed time; -1: it has none. The process runs with TZ set to the configured zone.
static int64_t time_of(const struct tw_sale *sale)
{
    struct tm tm = {0};
    const char *rest =
        sale->printed_time != NULL ? strptime(sale->printed_time, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (rest == NULL) {
        return -1;
    }
    tm.tm_isdst = -1;
    if (*rest == '\0') {
        return (int64_t)mktime(&tm) * 1000;
    }
    long hours = 0;
    long minutes = 0;
    if (*rest != 'Z') {
        hours = strtol(rest + 1, NULL, 10);
        minutes = hours * 60 + strtol(rest + 4, NULL, 10);
        minutes = *rest == '-' ? -minutes : minutes;
    }
    return ((int64_t)timegm(&tm) - minutes * 60) * 1000;
}

// A scan belongs to the next sale at its till, and files come when they come: only a sale that ended after
// the scan, and while it counts, can be that one (P11).
static bool may_have_scan(struct tw_lane *lane, const struct tw_sale *sale, const char *workstation)
{
    const struct tw_identity *identity = tw_identity_of(lane, workstation);
    int64_t at_ms = time_of(sale);
    return identity != NULL && identity->present && at_ms >= identity->at_ms &&
           at_ms - identity->at_ms <= TW_IDENTITY_MS;
}

// ---- what is told ----

// Whether anything was told by it.
static bool add_drift(struct tw_lane *lane, const struct tw_device_config *config, const struct tw_sale *sale,
                      struct tw_poslog_drift *drift, struct tw_batch *batch)
{
    const char *store = lane->with.config->store;
    const struct tw_poslog_drift before = *drift;
    if (!drift->store_told) {
        drift->store_told = sale->store != NULL && !tw_drift_same(sale->store, store);
        tw_drift_check(&drift->store, config->name, "store", store, sale->store, batch);
    }
    if (!drift->workstation_told && config->workstation != NULL) {
        drift->workstation_told =
            sale->workstation != NULL && !tw_drift_same(sale->workstation, config->workstation);
        tw_drift_check(&drift->workstation, config->name, "workstation", config->workstation,
                       sale->workstation, batch);
    }
    return drift->store_told != before.store_told || drift->workstation_told != before.workstation_told;
}

// The store of the file, where it is none of ours.
static const char *other_store(const struct tw_lane *lane, const struct tw_sale *sale)
{
    return sale->store != NULL && !tw_drift_same(sale->store, lane->with.config->store) ? sale->store : "";
}

// What names a sale that its number does not. One without a number is what is in it; where it has no time
// either, two of them may be alike. One whose number is another's is when, by whom and where it was made: it
// may come again with more in it.
static void name_place(const struct tw_lane *lane, const struct tw_poslog_flight *flight, char out[48])
{
    const struct tw_sale *sale = flight->sale;
    if (sale->receipt_number != NULL && sale->receipt_number[0] != '\0') {
        char text[300]; // each of them has 64 characters at most
        const char *at = sale->printed_time != NULL ? sale->printed_time : "";
        const char *by = sale->operator_id != NULL ? sale->operator_id : "";
        (void)snprintf(text, sizeof text, "%s\n%s\n%s\n%s", other_store(lane, sale), at, by,
                       sale->receipt_number);
        short_hash(tw_slice_of(text), 8, out);
    } else if (sale->printed_time != NULL) {
        (void)snprintf(out, 48, "%.16s", flight->sha256);
    } else {
        (void)snprintf(out, 48, "%.16s-%llu", flight->sha256, (unsigned long long)flight->index);
    }
}

static int add_sale(struct tw_lane *lane, const struct tw_device_config *config,
                    struct tw_poslog_flight *flight, struct tw_poslog_drift *drift, struct tw_batch *batch)
{
    char named[33];
    char position[48];
    char transaction_id[TW_TRANSACTION_ID_MAX];
    const char *workstation = workstation_of(lane, config, flight->sale, named);
    name_place(lane, flight, position);
    // Numbers of another store repeat ours. Where there is no time to tell them apart the store does.
    bool elsewhere = flight->sale->printed_time == NULL && other_store(lane, flight->sale)[0] != '\0';
    struct tw_identity nobody = {.workstation = workstation};
    struct tw_identity before = flight->taken;
    struct tw_identity *customer = may_have_scan(lane, flight->sale, workstation) ? NULL : &nobody;
    const struct tw_sale_origin origin = {
        .device = config->name,
        .via = "poslog",
        .workstation = workstation,
        .sha256 = flight->sha256,
        .position = position,
        .apart = flight->apart || elsewhere,
        .read_ms = flight->read_ms,
        .customer = flight->tried ? &before : customer,
    };
    int rc = tw_sale_event(lane, flight->sale, &origin, batch, transaction_id, &flight->taken);
    flight->tried = true;
    flight->tells = rc == TW_OK && add_drift(lane, config, flight->sale, drift, batch);
    if (rc == TW_OK && flight->taken.present) {
        tw_identity_keep(lane, flight->taken.workstation, NULL, batch);
    }
    tw_seal_wipe(&before, sizeof before);
    return rc;
}

// Told once, however often the file is read: the same text at the same place is a repeat.
static void add_unparsed(const struct tw_device_config *config, const struct tw_poslog_flight *flight,
                         struct tw_batch *batch)
{
    char key[128];
    uint8_t hash[32];
    (void)snprintf(key, sizeof key, "poslog:%s:%s:%llu", flight->reason, flight->sha256,
                   (unsigned long long)flight->index);
    tw_seal_sha256(tw_slice_of(key), hash);
    tw_batch_idempotency(batch, key, hash);
    tw_lane_event(batch, TW_EVENT_CAPTURE_UNPARSED, config->name,
                  tw_json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "device", config->name, "reason",
                               flight->reason, "detail", flight->detail, "lines", (int64_t)flight->lines,
                               "bytes", (int64_t)flight->bytes, "sha256", flight->sha256));
}

int tw_poslog_flight_batch(struct tw_lane *lane, const struct tw_device_config *config,
                           struct tw_poslog_flight *flight, struct tw_poslog_drift *drift,
                           struct tw_batch **out)
{
    struct tw_batch *batch = tw_batch_new();
    if (batch == NULL) {
        return TW_ERR_NOMEM;
    }
    tw_batch_time(batch, lane->with.clock);
    int rc = TW_OK;
    if (flight->sale != NULL) {
        rc = add_sale(lane, config, flight, drift, batch);
    } else {
        add_unparsed(config, flight, batch);
        if (flight->taken.present) { // by the sale that was too large: it has used its customer up (P11)
            tw_identity_keep(lane, flight->taken.workstation, NULL, batch);
        }
    }
    if (rc != TW_OK) {
        tw_batch_free(batch);
        return rc;
    }
    *out = batch;
    return TW_OK;
}

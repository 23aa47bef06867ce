// SPDX-License-Identifier: Apache-2.0
//
// How bad a simulated day is. Each day draws which faults there are and how many, so that some days have a
// few of one kind and others a few of all: combinations find more than an even mix. A calm has none.
//
// Threading: a plain value. Memory: none. Time: none. Errors: none.
#ifndef TW_SIM_WEATHER_H
#define TW_SIM_WEATHER_H

#include <stdbool.h>
#include <stdint.h>

struct sim_weather {
    bool calm;
    // Upper bounds; each delay is drawn anew.
    unsigned line_ms, commit_ms, centre_ms;
    // Per mille: of attempts to connect, of publishes, of publishes, of words of the centre, of its commits.
    unsigned refuse_pm, silent_pm;
    unsigned cut_pm, refuse_publish_pm;
    unsigned word_late_pm, word_twice_pm, word_other_pm;
    unsigned centre_dies_pm;
    unsigned centre_lags_pm; // of what is sent to the centre: it was busy, and hears that and the rest later
    unsigned poison_pm, bulky_pm; // of events: the centre, the broker will refuse them
    // How often in the day.
    unsigned power_cuts, kills, sessions, broker_stops, centre_stops, centre_losses;
    unsigned disks_full, sync_fails, clock_jumps, images, resyncs;
    uint64_t quota_bytes; // of the journal; 0: none
};

#endif

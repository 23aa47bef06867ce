// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/presence.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void tw_presence_init(struct tw_presence *presence, int64_t now_ms)
{
    *presence = (struct tw_presence){.changed_ms = now_ms, .again_ms = now_ms, .next_lost_ms = now_ms};
}

void tw_presence_note(struct tw_presence *presence, bool here, int64_t now_ms)
{
    if (here != presence->here) {
        presence->here = here;
        presence->changed_ms = now_ms;
        presence->losses += !here;
    }
}

int64_t tw_presence_due(const struct tw_presence *presence)
{
    enum tw_presence_news truth = presence->here ? TW_PRESENCE_ATTACHED : TW_PRESENCE_LOST;
    if (presence->telling || truth == presence->kept) {
        return INT64_MAX;
    }
    if (presence->here) {
        return later(presence->changed_ms, presence->again_ms);
    }
    if (presence->kept == TW_PRESENCE_NONE) {
        return later(presence->changed_ms + TW_PRESENCE_START_MS, presence->again_ms);
    }
    int64_t settled_ms = presence->changed_ms + TW_PRESENCE_SETTLE_MS;
    return later(later(settled_ms, presence->next_lost_ms), presence->again_ms);
}

enum tw_presence_news tw_presence_take(struct tw_presence *presence, int64_t now_ms, unsigned *left_out)
{
    if (now_ms < tw_presence_due(presence)) {
        return TW_PRESENCE_NONE;
    }
    enum tw_presence_news news = presence->here ? TW_PRESENCE_ATTACHED : TW_PRESENCE_LOST;
    unsigned told_now = news == TW_PRESENCE_LOST && presence->losses > 0 ? 1 : 0;
    *left_out = presence->losses - told_now;
    presence->losses = 0;
    if (news == TW_PRESENCE_LOST) {
        presence->next_lost_ms = now_ms + TW_PRESENCE_PAIR_MS;
    }
    presence->telling = true;
    return news;
}

void tw_presence_keep(struct tw_presence *presence, enum tw_presence_news news)
{
    presence->kept = news;
    presence->telling = false;
}

void tw_presence_return(struct tw_presence *presence, enum tw_presence_news news, unsigned left_out,
                        int64_t now_ms)
{
    presence->telling = false;
    presence->losses += left_out + (news == TW_PRESENCE_LOST ? 1 : 0);
    presence->again_ms = now_ms + TW_PRESENCE_AGAIN_MS;
}

// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/reasons.h"

#include <stdbool.h>
#include <stddef.h>

// A code that cannot come in a PUBACK holds there; one that cannot end a connection comes back soon.
static const struct tw_reason table[] = {
    // code, in a PUBACK, as an end, what it says, what to do
    {0x00, TW_REASON_TAKEN, TW_REASON_SOON, "it ended the connection", ""},
    {0x10, TW_REASON_HOLD, TW_REASON_SOON, "nobody takes the events there", "start the central service"},
    {0x80, TW_REASON_HOLD, TW_REASON_SOON, "it failed and does not say at what", "see its log"},
    {0x81, TW_REASON_HOLD, TW_REASON_LATER, "it could not read a packet of this terminal", "see its log"},
    {0x82, TW_REASON_HOLD, TW_REASON_LATER, "it says this terminal broke the protocol", "see its log"},
    {0x83, TW_REASON_HOLD, TW_REASON_SOON, "it refuses for a reason of its own", "see its log"},
    {0x84, TW_REASON_HOLD, TW_REASON_LATER, "it does not speak MQTT 5", "update the broker"},
    {0x85, TW_REASON_HOLD, TW_REASON_LATER, "it refused the client id", "check tenant, store and terminal"},
    {0x86, TW_REASON_HOLD, TW_REASON_LATER, "it does not know this terminal",
     "check the certificate's name and the broker's access list"},
    {0x87, TW_REASON_HOLD, TW_REASON_LATER, "it does not allow this terminal",
     "check the certificate's name and the broker's access list"},
    {0x88, TW_REASON_HOLD, TW_REASON_SOON, "it is not available", ""},
    {0x89, TW_REASON_HOLD, TW_REASON_SOON, "it is too busy", ""},
    {0x8a, TW_REASON_HOLD, TW_REASON_LATER, "it has banned this terminal", "ask who runs the broker"},
    {0x8b, TW_REASON_HOLD, TW_REASON_SOON, "it is shutting down", ""},
    {0x8c, TW_REASON_HOLD, TW_REASON_LATER, "it wants another way of signing in",
     "let it accept client certificates"},
    {0x8d, TW_REASON_HOLD, TW_REASON_SOON, "it heard nothing from this terminal for too long",
     "check the network"},
    {0x8e, TW_REASON_HOLD, TW_REASON_LATER, "another client connected with the same id",
     "make sure that no two terminals share tenant, store and terminal"},
    {0x90, TW_REASON_ROW, TW_REASON_LATER, "it does not take this topic", "check its access list"},
    {0x91, TW_REASON_HOLD, TW_REASON_SOON, "it still has a message of this number", ""},
    {0x93, TW_REASON_HOLD, TW_REASON_SOON, "it was sent more at once than it takes", "see its log"},
    {TW_REASON_TOO_LARGE, TW_REASON_ROW, TW_REASON_SOON, "it refused a packet as too large",
     "raise the broker's packet limit to 128 KiB or more"},
    {0x96, TW_REASON_HOLD, TW_REASON_SOON, "it is sent messages faster than it takes them",
     "raise the broker's rate limit"},
    {0x97, TW_REASON_HOLD, TW_REASON_SOON, "its quota is used up", "raise it"},
    {0x98, TW_REASON_HOLD, TW_REASON_LATER, "somebody ended the connection at the broker",
     "ask who runs the broker"},
    {0x99, TW_REASON_ROW, TW_REASON_SOON, "it refused the contents of a message",
     "let the broker pass JSON it does not know"},
    {0x9a, TW_REASON_HOLD, TW_REASON_LATER, "it takes no retained messages", "allow them at the broker"},
    {0x9b, TW_REASON_HOLD, TW_REASON_LATER, "it does not take QoS 1", "allow it at the broker"},
    {0x9c, TW_REASON_HOLD, TW_REASON_LATER, "it wants this terminal to use another broker for a while",
     "change uplink.url if that is meant to last"},
    {0x9d, TW_REASON_HOLD, TW_REASON_LATER, "it has moved to another address", "change uplink.url"},
    {0x9f, TW_REASON_HOLD, TW_REASON_SOON, "too many connect to it at once", ""},
    {0xa0, TW_REASON_HOLD, TW_REASON_SOON, "it ends connections after a time", ""},
};
static const struct tw_reason unknown = {TW_REASON_FIRST_ERROR, TW_REASON_HOLD, TW_REASON_SOON, NULL,
                                         "see its log"};

const struct tw_reason *tw_reason_find(int code)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code) {
            return &table[i];
        }
    }
    return &unknown;
}

enum tw_reason_publish tw_reason_of_publish(int code)
{
    // Below 0x80 are successes (section 2.4), but for the one that nobody takes.
    bool success = code < TW_REASON_FIRST_ERROR && code != TW_REASON_NO_SUBSCRIBERS;
    return success ? TW_REASON_TAKEN : tw_reason_find(code)->publish;
}

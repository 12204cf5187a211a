/* state: ROOT/svcd/state.json and state.journal, the core's memory on disk.
 *
 * Before anything is done because of what has happened, that is put on record (state_commit): as a line of
 * the journal (journal.h), which holds the services that have changed and the events to be told; and only
 * then the events are written to their file and effects performed. state.json is replaced as a whole, never
 * truncated: some seconds after the last change, when the journal has grown large, and at once when a person
 * has asked for what is to outlive a reboot (CORE_DIRTY_LASTING): that is synced to the disk before the answer.
 * It holds
 *   what core_save gives (core/snapshot.c),
 *   journal      the journal's lines of this number or a higher one come after it,
 *   seq          of the last event; written: of the last one that is in events.ndjson,
 *   events       those between.
 * As long as the journal takes a line, what has happened is on record, even if state.json cannot be replaced,
 * for want of room; that is tried again.
 * state.json.safe is the state.json before, and after one that was synced the same.
 *
 * The journal before is state.journal.1: with it and the journal the safe state is as good as the other.
 * A state that is damaged is put aside as state.json.bad and the safe one taken. One that cannot be read
 * just now (no permission, no descriptor, a disk that fails) is neither put aside nor done without: svcd
 * tries again for STATE_WAIT_MS, and then refuses to start.
 */
#ifndef SVCD_SUPERVISORD_STATE_H
#define SVCD_SUPERVISORD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisord/journal.h"

#define STATE_WAIT_MS 3000

struct daemon;

struct state {
        struct journal journal;
        int64_t number;    /* of the journal that state.json names */
        int64_t journaled; /* seq of the last event that is in the journal or in state.json */
        int64_t tried;     /* of the last one that was to be put there */
        bool whole;        /* the journal will not do: the next time everything is written */
        bool resume;       /* at the start: it would, as it was found */
        size_t json_bytes; /* of the last one that was to be written */
        bool written;      /* state.json was: that took memory which can be given back */
        int json_error; /* of the last try to replace state.json, if the journal has it all; else 0 */
        int events_error; /* of the last try to write events, for saying it once */
};

/* Loads it into the core. A missing file is an empty state. 0, or -errno if it cannot be read now. */
int state_load(struct daemon *d);

/* The core's events that wait to be told are numbered, and they and all changes put on record; ASKED: a person
 * asked for them, so that what is to outlive a reboot is on the disk itself. What cannot be written is tried again
 * later, d->save_error says why. */
void state_commit(struct daemon *d, bool asked);

/* Everything into state.json. */
void state_save(struct daemon *d, bool sync);

void state_done(struct daemon *d);

#endif

/* state: ROOT/svcd/state.json, the core's memory on disk.
 *
 * It is replaced as a whole, never truncated. After what a person asked for it is synced to the
 * disk before the answer, and kept a second time as state.json.safe; other changes (an exit, a run
 * number) are written without waiting for the disk, since only a power cut could undo them. A
 * state.json that does not parse is put aside and the safe one taken.
 */
#ifndef SVCD_SUPERVISORD_STATE_H
#define SVCD_SUPERVISORD_STATE_H

struct daemon;

/* Loads it into the core. A missing file is an empty state. */
void state_load(struct daemon *d);
/* 0 or -errno; the old state is intact on error. */
int state_save(struct daemon *d, _Bool sync);

#endif

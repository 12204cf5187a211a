/* journal: ROOT/svcd/state.journal, what has changed since state.json was written, one JSON object a line.
 *
 * A line is a turn of svcd: what became of which services, and the events that were told. It is written
 * before anything else happens because of them, and either whole or not at all, so that a svcd that dies
 * has either done nothing or left word of all of it. state.c knows what is in a line; here are
 * the files.
 *
 * Room for the next lines is taken before they are written (JOURNAL_AHEAD_BYTES, where the file system can do
 * that): on a disk that has become full runs still begin and end on record for a while.
 */
#ifndef SVCD_SUPERVISORD_JOURNAL_H
#define SVCD_SUPERVISORD_JOURNAL_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/util.h"

/* Beyond them state.json is written anew: so many, but more if that is large, since writing a state takes as long as
 * a journal of its size. What svcd reads at its start must fit into its memory. */
#define JOURNAL_MIN_BYTES  (1024 * 1024)
#define JOURNAL_MOST_BYTES (8 * 1024 * 1024)
#define JOURNAL_STATES     4 /* times that of state.json */

#define JOURNAL_AHEAD_BYTES (128 * 1024)

struct journal {
        char *path;
        int fd; /* -1 = not open */
        int64_t bytes, room_bytes;
};

void journal_init(struct journal *j, const char *path);
void journal_done(struct journal *j);

/* Adds a line. 0 or -errno; -ESTALE if the file is not there any more (or not the one that was written to):
 * then what it held is lost, and the state has to be written as a whole. */
int journal_append(struct journal *j, const char *line, size_t n_bytes);

/* Whether what was added is where the next svcd looks for it. */
bool journal_is_there(const struct journal *j);

/* What was added is on the disk itself. 0 or -errno. */
int journal_sync(const struct journal *j);

/* Goes on with the file that is there, if its last line is whole. */
int journal_resume(struct journal *j);

/* Begins anew, as state.json holds everything; what there was is kept as PATH.1, beside the state before. */
void journal_reset(struct journal *j);

/* All lines that are JSON objects, as an array (caller owns it), and how many were not. 0, -ENOENT or what
 * keeps it from being read. */
int journal_read(const char *path, json_t **ret, size_t *ret_bad);

/* For files of lines. Opens PATH for reading and writing, creating it; a folder that is missing too. A
 * descriptor, or -errno: -EINVAL if it is no file. */
int journal_open_file(const char *path);
/* Writes at AT, the end of FD; what could be written only in part is taken back. 0 or -errno. */
int journal_write_at_end(int fd, off_t at, const void *data, size_t n_bytes);

#endif

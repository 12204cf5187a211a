/* drain: the pipes that the service writes its output to, and lines out of bytes.
 *
 * There is one pipe for stdout and one for stderr (a check has one for both), made once and used by
 * all runs: the shim keeps the write ends too, so a pipe never reports its end; that nobody writes
 * any more is known from ECHILD (run.c). They begin small and grow to 64 KiB once one is found full.
 *
 * WHEN TO READ. The first output after a pause is read at once. While output goes on, the pipes are
 * read every 10 ms, since to wake up for each write costs seven times the processor time; sooner
 * after a pause; when they are expected to be three quarters full, if they fill up faster than that; and several
 * times in a turn, without any pause, if a read found one nearly full and the next one much, so that a writer does not
 * stall. A pipe can be full with half its bytes: writes that do not fit into the page they would share begin a new
 * one. So a pipe that much came from is asked whether it can be written to before it is read: if not, that is what it
 * holds.
 *
 * While much comes, what is written ends where it suits the file (log_flush_some). A pipe that is read now and then is
 * read in portions, and what they make is written as soon as it is enough, so that the batch has never much more
 * than one write; one that is read without a pause is read as it is, since each read wakes the writer.
 *
 * LINES. A line is written to the log when its end is there. One that grows beyond LINE_BYTES goes
 * out bit by bit; nothing of another source is written in between for LINE_HOLD_US, so that it
 * stays one line, then it is ended with a newline as soon as another source has something, and its rest
 * is marked (log_continued). In a log without times a line that has no end goes out like that too,
 * after PIECE_HOLD_US; with times it is held until it has one, and lost if the shim is killed before.
 * The bytes of an unfinished line are completed by a newline when the run is over.
 *
 * While the gate (gate.h) is closed nothing is read.
 */
#ifndef SVCD_SHIM_DRAIN_H
#define SVCD_SHIM_DRAIN_H

#include <poll.h>

#include "shim/shim.h"

#define DRAIN_PIPE_OUT (16 * 1024)
#define DRAIN_PIPE_ERR (8 * 1024)
#define DRAIN_PIPE_MAX (64 * 1024)
#define DRAIN_DELAY_US (10 * MS)
#define DRAIN_FIRST_US 64
#define DRAIN_PAUSE_US (50 * MS)
#define DRAIN_PORTION  (16 * 1024)
#define DRAIN_READS    4 /* in one turn, at most, while the pipe is full each time */
#define LINE_HOLD_US   (200 * MS)
#define PIECE_HOLD_US  (1000 * MS)

void drain_init(struct shim *s);

/* Makes the pipes if there are none yet, and takes back what an earlier run did to them (O_NONBLOCK).
 * 0 or -errno. */
int drain_pipes(struct shim *s);

/* Adds what is to be polled to P (up to 2) and returns how many. */
int drain_poll(const struct shim *s, struct pollfd *p);

/* After a poll: READABLE says whether one of ours was. Reads what is due. */
void drain_turn(struct shim *s, bool readable);

/* After that, as far as it can be known: much more will be there soon; at once. */
bool drain_goes_on(const struct shim *s);
bool drain_floods(const struct shim *s);

int64_t drain_deadline_us(const struct shim *s);

/* How much is in the pipes now: ret[0] stdout, ret[1] stderr. */
void drain_waiting(const struct shim *s, size_t ret[2]);

/* Reads that much and completes unfinished lines. */
void drain_finish(struct shim *s, const size_t limit[2]);

/* Ends an unfinished line that is in the file, so that something else can be written. */
void drain_break(struct shim *s);

/* The gate has opened: what waited is read in this turn. */
void drain_resume(struct shim *s);

/* A check's output: its last bytes. */
const void *drain_output(struct shim *s, size_t *ret_n);
void drain_forget(struct shim *s);

#endif

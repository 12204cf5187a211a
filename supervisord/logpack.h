/* logpack: compressing one file, in a process of its own that is in nobody's way: nice 19, SCHED_IDLE, idle input
 * and output. It is svcd again (`svcd --pack PROGRAM`), which runs zstd or gzip and, when that has done well,
 * sees to it that the result is on the disk and has the time of the original: what is said to be done is whole.
 *
 * Nothing of it outlives svcd: killed, it leaves a file that the next look at the folder deletes (logscan.h).
 */
#ifndef SVCD_SUPERVISORD_LOGPACK_H
#define SVCD_SUPERVISORD_LOGPACK_H

#include <stdbool.h>
#include <sys/types.h>

#include "supervisord/oldlog.h"

struct logpack {
        pid_t pid;      /* 0 = none runs */
        uint64_t inode; /* of the file that is compressed */
        char *path;     /* of the log that it belongs to */
        enum oldlog_kind kind;
        int err_fd; /* what it says */
};

/* Which program there is: OLDLOG_ZSTD, OLDLOG_GZIP, or OLDLOG_PLAIN: none. *ret_program (caller frees). */
enum oldlog_kind logpack_program(char **ret_program);

/* Begins to compress PATH.NUMBER, which must have INODE, into oldlog_pack_path. 0 or -errno; -ENOENT: it is
 * another file by now. *p is all zero, or was done. */
int logpack_start(struct logpack *p, const char *path, int number, uint64_t inode,
                  enum oldlog_kind kind, const char *program);

/* PID has ended; false if it is not ours. 0 in *ret_error: the compressed file is there and whole. Else why not
 * is in *ret_text (caller frees), and nothing is left of it. */
bool logpack_reaped(struct logpack *p, pid_t pid, int wstatus, int *ret_error, char **ret_text);

/* Kills it, waits for its end and removes what it made. */
void logpack_cancel(struct logpack *p);

/* `svcd --pack PROGRAM`: from descriptor 0 to 1. Returns the exit status. A program that neither reads nor writes
 * for STALL_MS, or a little longer, says so and is killed with all of its process group: however slow it is, and
 * however much there is to do, it may go on as long as it goes on. */
#define LOGPACK_STALL_MS 600000
int logpack_main(const char *program, int stall_ms);

/* How far reading and writing have come: the offsets of descriptors 0 and 1, which the program shares. */
struct logpack_progress {
        off_t in, out;
};
/* Whether it is further than SEEN says, which it is made to. */
bool logpack_moves(struct logpack_progress *seen);

#endif

/* ctl: one run of svcctl: what was asked for, where things are, and how it speaks: stdout, stderr,
 * the one JSON document, the exit status.
 *
 * With --json stdout carries one document and stderr nothing: a failure is
 * {"error": {"code": …, "message": …}}, see ctl_fail. Everything printed goes through here, so that
 * a reader who has gone away (EPIPE) ends svcctl quietly.
 */
#ifndef SVCD_CTL_CTL_H
#define SVCD_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/paths.h"
#include "common/util.h"
#include "ctl/options.h"
#include "ctl/term.h"

/* product.md, "svcctl". */
enum exit_status {
        STATUS_DONE = 0,
        STATUS_REFUSED = 1,
        STATUS_USAGE = 2,
        STATUS_NOT_RUNNING = 3,
        STATUS_NO_SERVICE = 4,
        STATUS_NO_DAEMON = 5,
        STATUS_TIMED_OUT = 6,
        STATUS_CHANGES = 10, /* `plan`: a reload would change something */
        STATUS_INTERRUPTED = 130,
};

struct ctl {
        struct options options;
        const struct command *command;
        char **names; /* the arguments that name services (or files, …); borrowed */
        size_t names_n;
        struct paths paths;
        struct term term;
        bool json, quiet;
        int64_t timeout_ms; /* -1: none was given */
        int status;         /* worst so far: what a run ends with whose reader has gone away */
        bool has_said_json;
};

/* Says what failed, as svcctl ("svcctl: …") or as JSON with the stable CODE; returns STATUS.
 * EXTRA: further members of the JSON document (reference is taken), or NULL. */
int ctl_fail(struct ctl *ctl, enum exit_status status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
int ctl_fail_with(struct ctl *ctl, enum exit_status status, const char *code, json_t *extra,
                  const char *fmt, ...) PRINTF_LIKE(5, 6);
int ctl_usage(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3); /* with the usage line */

/* --quiet, for all verbs alike: what was done, hints, notes and progress are not printed (ctl_say), nor is an answer
 * that the exit status gives as well (status, plan, check, doctor: `quiet`). What is wrong is (ctl_warn, ctl_fail), and
 * so is an answer that there would be no other way to get (ctl_tell, ctl_write).
 *
 * A line to stdout: of what was done; of an answer. A line to stderr. None of them with --json. */
void ctl_say(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);
void ctl_tell(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);
void ctl_warn(struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* How J is dumped so that a terminal obeys nothing in it: beside what JSON escapes there is what turns the direction of
 * writing, and what some terminals take for escape sequences. */
size_t ctl_json_flags(const struct ctl *ctl, const json_t *j);

/* The document, if --json was given. Takes the reference. */
void ctl_json(struct ctl *ctl, json_t *doc);
/* The same as text, with its newline. */
void ctl_json_text(struct ctl *ctl, const struct strbuf *text);
/* One line of NDJSON, written at once. Takes the reference. */
void ctl_json_line(struct ctl *ctl, json_t *object);

/* Bytes to stdout; flushed by ctl_flush and at the end. */
void ctl_write(struct ctl *ctl, const void *data, size_t n_bytes);
void ctl_flush(struct ctl *ctl);

/* Text of others made safe for where it goes: one line. Caller frees. S may be NULL. */
char *ctl_safe(const struct ctl *ctl, const char *s);

/* {"names": [...]} of the command line: ["*"] for --all, or none where that means all. */
json_t *ctl_names(const struct ctl *ctl);

/* Refused to root in the ROOT of another account, where the definitions are to be WHAT ("changed", "checked"):
 * that account's links would lead root elsewhere, and what may stand there is judged by who reads it. The command that
 * does it is named, with REST behind its verb. */
int ctl_not_anothers(struct ctl *ctl, const char *what, const char *rest);

/* The deadline of an answer that should come at once, and of something that one waits for. */
#define CTL_ANSWER_MS 10000
int64_t ctl_answer_by(const struct ctl *ctl);
int64_t ctl_wait_until(const struct ctl *ctl); /* -1: never */

#endif

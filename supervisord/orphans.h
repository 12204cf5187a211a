/* orphans: what is left when a shim dies, found and killed.
 *
 * HOW IT IS FOUND
 *   by tag      The shim and all that descends from it carry the service's tag in RLIMIT_LOCKS (unused
 *               since Linux 2.4, inherited over fork and exec, not to be raised without privilege). The
 *               hard limit counts; the soft one is the process's own business.
 *   as a child  svcd is a subreaper: what a dead shim had falls to the svcd that started that shim. A
 *               child of svcd that has a limit lower than svcd's own, but no tag, has taken it off.
 *   by session  The same, for one that is no child of svcd, since its shim was an earlier svcd's: it
 *               is known as long as it stays in the session of the run's main process.
 *   So a process is lost sight of only if it has lowered its limit, and left its session, and its shim
 *   was one of a svcd that died before it. (Root can raise its limit, and could do anything else.)
 *
 * HOW IT IS KNOWN THAT NOTHING IS LEFT
 *   A snapshot proves nothing: a tree that forks and exits all the time is always somewhere else. But
 *   whoever lives has a parent that lives, up to svcd, so it is enough to know svcd's children: a list
 *   of them that was read while nobody but zombies of the tree was in the list before, and that has
 *   nobody new, is complete, since only svcd itself can take children out of it (by waiting for
 *   them) and new ones come at its end.
 *   For what fell to another process than svcd all of /proc is looked at. Pids grow, and so does the
 *   position in /proc: a tree is passed by at most if it ended between being seen and being looked at,
 *   which makes the look `unsure`.
 *   Whoever calls repeats the look until two in a row have found nothing and were sure.
 *
 * MANY AT ONCE
 *   One look serves all trees that are looked for. A process that could not be judged may have been of any of
 *   them, and makes the look unsure for all. A tree that forks as fast as it is killed would make the list
 *   endless: after a while it is no longer followed, while the look goes on for the others.
 */
#ifndef SVCD_SUPERVISORD_ORPHANS_H
#define SVCD_SUPERVISORD_ORPHANS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct orphans_look {
        int alive;      /* that many live; SIGKILL was sent to all of them that may be signalled */
        int unsure;     /* that many could not be judged: they ended meanwhile, most likely */
        int error;      /* 0, or -errno: something could not be looked at, so nothing is proved */
        pid_t pid;      /* one of those alive: one that may not be signalled, if there is one */
        int kill_error; /* its errno, 0 = it got the signal */
};

/* What a dead shim left. */
struct orphans_tree {
        uint64_t tag;
        pid_t session; /* pid of the main process, 0 = not known */
        struct orphans_look look;
        int64_t touched_ms; /* orphans_kill's own: when the first of them got the signal */
};

/* Looks once at everything and sends SIGKILL to all processes of the N trees in V, which it sorts; what was found
 * of each is in its `look`. One look costs some 6 us for each process of the machine, however many trees there
 * are. */
void orphans_kill(struct orphans_tree **v, size_t n);

/* Calls CB for each live process of the N trees in V that can be found, without doing anything to it. Sorts V. */
typedef void orphans_fn(struct orphans_tree *t, pid_t pid);
void orphans_each(struct orphans_tree **v, size_t n, orphans_fn *cb);

/* The tags that live processes of this account carry, sorted, each once. Caller frees *ret. Returns
 * how many, or -errno if it cannot be known. */
ssize_t orphans_tags(uint64_t **ret);

/* Whether TAG is among them. If they cannot be known (N < 0) it may be. */
bool orphans_has(const uint64_t *tags, ssize_t n, uint64_t tag);

#endif

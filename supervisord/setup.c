/* setup.c: from a process that was just started to one that may supervise. Messages go to stderr:
 * the log is open only once the lock is held. */
#include "supervisord/setup.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_sample.h"
#include "supervisord/daemon.h"
#include "supervisord/handover.h"
#include "supervisord/runplace.h"
#include "supervisord/sdnotify.h"

#ifndef SVCD_DATADIR
#define SVCD_DATADIR "/usr/local/share/svcd"
#endif

static int make_folders(const char *const *dirs, size_t n, char **ret_error)
{
        for (size_t i = 0; i < n; i++) {
                int r = dir_make(dirs[i], 0700);
                if (r < 0) {
                        *ret_error =
                            xasprintf("cannot create the folder %s: %s", dirs[i], strerror(-r));
                        return r;
                }
        }
        return 0;
}

/* Whether the process that listens at the other end of FD has ended: a child that it was about to make an exec in
 * when it was killed has its sockets for that moment. unix(7), SO_PEERCRED: of whoever called listen(2). */
static bool is_orphan(int fd)
{
        struct ucred peer;
        socklen_t n = sizeof(peer);
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.pid > 0 &&
               kill(peer.pid, 0) < 0 && errno == ESRCH;
}

/* Whose it is can put another listener, other locks and other records there. */
static int is_own(const char *run, char **ret_error)
{
        struct stat st;
        if (stat(run, &st) < 0 || st.st_uid == geteuid())
                return 0;
        *ret_error = xasprintf("%s belongs to user %u: it cannot be RUN of user %u; let "
                               "SVCD_RUNTIME_DIR name a folder of this user's, or unset it",
                               run, (unsigned)st.st_uid, (unsigned)geteuid());
        return -EPERM;
}

static bool answers(const char *run)
{
        _cleanup_close_ int fd = paths_connect_now(run);
        return fd == -EAGAIN || (fd >= 0 && !is_orphan(fd));
}

/* The lock files could have been deleted under a svcd that lives, here or where RUN was when it began. */
static int nobody_answers(const struct daemon *d, char **ret_error)
{
        _cleanup_strv_ struct strv runs = {0};
        strv_add(&runs, d->paths.run);
        runplace_others(d, &runs);
        for (size_t i = 0; i < runs.n; i++) {
                if (answers(runs.v[i])) {
                        *ret_error = xasprintf("another svcd answers at %s/control.sock, although "
                                               "its lock files are gone; end it first",
                                               runs.v[i]);
                        return -EWOULDBLOCK;
                }
        }
        return 0;
}

static void raise_limits(bool taken_over)
{
        struct rlimit files;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        /* What a shim abandons by dying comes to svcd. */
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        signal(SIGPIPE, SIG_IGN);
        /* Until the loop hears it: the definitions are still to be read. From a svcd before it is held back (upgrade.h),
         * and would be forgotten by this: an upgrade is no reload. */
        if (!taken_over)
                signal(SIGHUP, SIG_IGN);
        signal(SIGXFSZ,
               SIG_IGN); /* a limit on file sizes is an error of write, as a full disk is */
        umask(0077);
}

/* Whoever can write there can run what he likes as this account. */
static void judge_folders(struct daemon *d)
{
        const char *const folders[] = {d->paths.state, d->paths.run, d->paths.shims, d->paths.logs};
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                struct stat st;
                if (stat(folders[i], &st) == 0 && (st.st_mode & 022))
                        selflog_add(&d->log,
                                    "%s can be written to by others (mode %03o): chmod go-w it, "
                                    "and look at what "
                                    "is in it",
                                    folders[i], (unsigned)st.st_mode & 0777);
        }
}

static void write_sample(struct daemon *d)
{
        if (access(d->paths.main_file, F_OK) == 0)
                return; /* what nearly always is so, and reading it twice takes time */
        struct diag diag = {0};
        struct conf *conf = conf_load(&d->paths, d->paths.home, &diag);
        bool none = conf->files.n == 0 && conf->broken.n == 0;
        conf_unref(conf);
        diag_done(&diag);
        /* Definitions that have gone are no first start. */
        _cleanup_free_ char *state = path_join(d->paths.state, "state.json");
        if (!none || access(state, F_OK) == 0)
                return;
        _cleanup_free_ char *text = xasprintf(CONF_SAMPLE_SCHEMA "%s", conf_sample_rest());
        int r = file_write_atomic(d->paths.main_file, text, strlen(text), 0600, false);
        if (r < 0)
                selflog_add(&d->log, "no definitions, and cannot write a sample to %s: %s",
                            d->paths.main_file, strerror(-r));
        else
                selflog_add(&d->log,
                            "no definitions yet: wrote a commented sample to %s; edit it, then "
                            "`svcctl reload`",
                            d->paths.main_file);
}

/* Which RUN this svcd works in is known only once no other one can work for this root. */
static int take_places(struct daemon *d, const struct handover *h, char **ret_error)
{
        const char *const root[] = {d->paths.config, d->paths.dropins, d->paths.logs,
                                    d->paths.state};
        int root_fd = h ? handover_fd(h, "root_lock") : -1;
        d->lock = (struct lock){root_fd, root_fd >= 0 ? handover_fd(h, "run_lock") : -1};
        int r = make_folders(root, ARRAY_SIZE(root), ret_error);
        if (r == 0 && root_fd < 0)
                r = lock_take_root(&d->lock, &d->paths, ret_error);
        if (r < 0)
                return r;
        runplace_choose(d, h);
        const char *const run[] = {d->paths.run, d->paths.shims};
        r = make_folders(run, ARRAY_SIZE(run), ret_error);
        if (r == 0)
                r = is_own(d->paths.run, ret_error);
        if (r == 0 && root_fd < 0)
                r = lock_take_run(&d->lock, &d->paths, ret_error);
        if (r == 0 && root_fd < 0)
                r = nobody_answers(d, ret_error);
        if (r < 0)
                lock_done(&d->lock);
        return r;
}

int setup(struct daemon *d, const char *root_option, const char *policy_option,
          const struct handover *h)
{
        _cleanup_free_ char *error = NULL;
        const char *late = NULL;
        int r = paths_find(root_option, &d->paths, &error);
        if (r < 0) {
                fprintf(stderr, "svcd: %s\n", error);
                return r;
        }
        if (policy_option)
                paths_set_policy(&d->paths, policy_option);
        /* What the caller left open (a pipe that somebody waits at the end of) is not ours to keep. */
        if (!h)
                close_range(STDERR_FILENO + 1, ~0u, 0);
        nursery_init(&d->nursery, getenv("TZ"));
        raise_limits(h != NULL);
        r = take_places(d, h, &error);
        if (r < 0) {
                fprintf(stderr, "svcd: %s\n", error);
                return r;
        }
        _cleanup_free_ char *log = path_join(d->paths.state, "svcd.log");
        _cleanup_free_ char *events = path_join(d->paths.state, "events.ndjson");
        selflog_open(&d->log, log);
        events_open(&d->events, events);
        account_find(&d->account);
        d->user = account_user(&d->account, d->paths.home);
        cgroup_open(d);
        if (!sdnotify_init(&late))
                selflog_add(&d->log, "%s", late);
        if (getuid() == 0 && !h)
                selflog_add(&d->log, "running as root: supervising root's own account only");
        runplace_settle(d);
        judge_folders(d);
        write_sample(d);
        return 0;
}

void setup_done(struct daemon *d)
{
        account_done(&d->account);
        paths_done(&d->paths);
}

/* accounts.c: finding svcds by their sockets, and one question to all of them. What is made of the answers is the
 * verbs' business. */
#include "ctl/accounts.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/paths.h"
#include "common/runfile.h"
#include "common/util.h"
#include "ctl/answer.h"
#include "ctl/usage.h"

#define NO_ANSWER  "its svcd does not answer"
#define NO_SVCD    "its answer is not one of svcd's: "
#define MEASURE_MS 1000 /* for one account: nobody makes all the others wait with his trees */

const char *account_state_name(enum account_state state)
{
        static const char *const names[] = {
            [ACCOUNT_UP] = "up", [ACCOUNT_DOWN] = "down", [ACCOUNT_SILENT] = "silent"};
        return names[state];
}

/* ---- finding ---- */

/* A socket in a user's folder can be a link to another's. */
static int connect_as(const char *run, uid_t uid)
{
        struct ucred peer;
        socklen_t n = sizeof(peer);
        _cleanup_close_ int fd = paths_connect_now(run);
        if (fd < 0)
                return fd;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.uid != uid)
                return -EPERM;
        return TAKE_FD(fd);
}

static bool has_socket(const char *run)
{
        _cleanup_free_ char *path = path_join(run, "control.sock");
        struct stat st;
        return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Takes RUN. */
static void add(struct accounts *a, const char *user, uid_t uid, char *run)
{
        int fd = connect_as(run, uid);
        a->v = xrealloc(a->v, (a->n + 1) * sizeof(*a->v));
        a->v[a->n++] = (struct account){.user = xstrdup(user),
                                        .run = run,
                                        .uid = uid,
                                        .state = fd >= 0         ? ACCOUNT_UP
                                                 : fd == -EAGAIN ? ACCOUNT_SILENT
                                                                 : ACCOUNT_DOWN,
                                        .client = {.fd = fd < 0 ? -1 : fd},
                                        .why = fd == -EAGAIN ? xstrdup(NO_ANSWER) : NULL};
}

/* The folder in /run stays when svcd has gone elsewhere. */
static void find_of(struct accounts *a, const struct passwd *pw)
{
        _cleanup_free_ char *given = paths_system_run(pw->pw_name, pw->pw_uid);
        _cleanup_free_ char *own = path_join(pw->pw_dir, "admin/run");
        _cleanup_free_ char *root = path_join(pw->pw_dir, "admin");
        _cleanup_free_ char *named = runfile_read(root, pw->pw_uid);
        bool in_own = pw->pw_dir[0] == '/' && has_socket(own);
        bool elsewhere = in_own || (named && has_socket(named));
        if (given && (has_socket(given) || !elsewhere))
                add(a, pw->pw_name, pw->pw_uid, TAKE_PTR(given));
        else if (in_own)
                add(a, pw->pw_name, pw->pw_uid, TAKE_PTR(own));
        else if (named && has_socket(named))
                add(a, pw->pw_name, pw->pw_uid, TAKE_PTR(named));
}

static int by_user(const void *a, const void *b)
{
        return strcmp(((const struct account *)a)->user, ((const struct account *)b)->user);
}

/* Two names of one user are one account. */
static bool is_known(const struct accounts *a, const struct passwd *pw)
{
        for (size_t i = 0; i < a->n; i++)
                if (a->v[i].uid == pw->pw_uid)
                        return true;
        return false;
}

/* Not every database lets itself be listed: who has a folder in /run is looked up by name. */
static void find_given(struct accounts *a)
{
        DIR *dir = opendir(PATHS_SYSTEM_RUN);
        for (struct dirent *e; dir && (e = readdir(dir));) {
                const struct passwd *pw = e->d_name[0] == '.' ? NULL : getpwnam(e->d_name);
                if (pw && !is_known(a, pw))
                        find_of(a, pw);
        }
        if (dir)
                closedir(dir);
}

static void find_at(struct accounts *a, const struct paths *p)
{
        const struct passwd *pw = getpwuid(p->uid);
        add(a, pw ? pw->pw_name : "?", p->uid, xstrdup(p->run));
}

/* One that none of the rules leads to: root's with another HOME, or ROOT. */
static void find_own(struct accounts *a, const struct paths *p)
{
        for (size_t i = 0; i < a->n; i++)
                if (runfile_is_same(a->v[i].run, p->run))
                        return;
        if (has_socket(p->run))
                find_at(a, p);
}

void accounts_find(struct accounts *ret, const struct paths *own, bool only)
{
        const struct passwd *pw;
        *ret = (struct accounts){0};
        if (geteuid() != 0 || only) {
                find_at(ret, own);
                return;
        }
        setpwent();
        while ((pw = getpwent()))
                if (!is_known(ret, pw))
                        find_of(ret, pw);
        endpwent();
        find_given(ret);
        find_own(ret, own);
        if (ret->n)
                qsort(ret->v, ret->n, sizeof(*ret->v), by_user);
}

void accounts_done(struct accounts *a)
{
        for (size_t i = 0; i < a->n; i++) {
                client_close(&a->v[i].client);
                for (size_t k = 0; k < a->v[i].answered; k++)
                        reply_done(&a->v[i].replies[k]);
                free(a->v[i].user);
                free(a->v[i].run);
                free(a->v[i].why);
        }
        free(a->v);
        *a = (struct accounts){0};
}

/* ---- asking ---- */

static bool waits(const struct account *a)
{
        return a->state == ACCOUNT_UP && a->answered < a->asked;
}

/* Takes WHY. */
static void give_up(struct account *a, char *why)
{
        a->state = ACCOUNT_SILENT;
        a->why = why;
        client_close(&a->client);
}

static void ask(struct account *a, const char *method, json_t *parameters)
{
        client_send(&a->client, method, parameters, false);
        a->methods[a->asked++] = method;
}

/* After each answer: what else is to be asked. */
typedef void more_fn(struct account *a);

/* Whether it is one of a svcd's. There is one for each account of the host: of each no more is kept than is used. */
static bool judge_last(struct account *a)
{
        size_t i = a->answered - 1;
        _cleanup_free_ char *wrong = answer_wrong(a->methods[i], &a->replies[i]);
        if (wrong) {
                reply_done(&a->replies[i]);
                give_up(a, xasprintf(NO_SVCD "%s", wrong));
        } else {
                answer_keep_known(a->methods[i], &a->replies[i]);
        }
        return !wrong;
}

static void read_answers(struct account *a, more_fn *more)
{
        int r = 0;
        while (r == 0 && waits(a)) {
                r = client_next(&a->client, 0, &a->replies[a->answered]);
                if (r < 0)
                        break;
                a->answered++;
                if (judge_last(a) && more)
                        more(a);
        }
        if (r == -EBADMSG)
                give_up(a, xstrdup(NO_SVCD "it is no message of the protocol, or too long"));
        else if (r < 0 && r != -ETIMEDOUT)
                give_up(a, xstrdup("its svcd has hung up"));
}

/* False when nobody is to answer any more, or the time is over. */
static bool wait_for_some(const struct accounts *a, struct pollfd *fds, int64_t deadline_ms)
{
        nfds_t n = 0;
        int64_t left = deadline_ms - clock_mono_ms();
        for (size_t i = 0; i < a->n; i++)
                if (waits(&a->v[i]))
                        fds[n++] = (struct pollfd){.fd = a->v[i].client.fd, .events = POLLIN};
        if (n == 0 || left <= 0)
                return false;
        return poll(fds, n, (int)MIN(left, (int64_t)60000)) >= 0 || errno == EINTR;
}

/* Whose turn it is, is read as far as it goes; nobody is waited for alone. The time that reading takes is not the
 * others': long answers of one would else make all that have not been read yet silent. */
static void collect(struct accounts *a, int64_t deadline_ms, more_fn *more)
{
        struct pollfd *fds = xcalloc(a->n + 1, sizeof(*fds));
        while (wait_for_some(a, fds, deadline_ms)) {
                nfds_t k = 0;
                int64_t began_ms = clock_mono_ms();
                for (size_t i = 0; i < a->n; i++)
                        if (waits(&a->v[i]) && fds[k++].revents)
                                read_answers(&a->v[i], more);
                deadline_ms += clock_mono_ms() - began_ms;
        }
        for (size_t i = 0; i < a->n; i++)
                if (waits(&a->v[i]))
                        give_up(&a->v[i], xstrdup(NO_ANSWER));
        free(fds);
}

void accounts_ask(struct accounts *a, const char *method, int64_t deadline_ms)
{
        for (size_t i = 0; i < a->n; i++)
                if (a->v[i].state == ACCOUNT_UP)
                        ask(&a->v[i], method, NULL);
        collect(a, deadline_ms, NULL);
}

/* What its services take: looked at from here, which keeps no svcd from its work, if processes have the same numbers
 * here as there. Those of another user are not its. */
static void measure(struct account *a)
{
        size_t i;
        json_t *s;
        int64_t until = clock_mono_ms() + MEASURE_MS;
        json_array_foreach(a->services, i, s)
        {
                pid_t root = usage_root(s);
                if (usage_is_of(root, a->uid) && clock_mono_ms() < until)
                        usage_fill(s, root);
        }
}

static void take_services(struct account *a)
{
        if (a->state != ACCOUNT_UP) {
                a->info = NULL;
                return;
        }
        a->services = json_object_get(a->replies[1].parameters, "services");
        if (usage_sees(&a->client, a->info))
                measure(a);
}

/* What is asked here a svcd answers, unless a limit of its own keeps it from that. */
static bool refuses(struct account *a)
{
        const char *error = a->replies[a->answered - 1].error;
        if (error)
                give_up(a, xasprintf("its svcd refused: %s", error));
        return error != NULL;
}

static void ask_status(struct account *a)
{
        if (refuses(a) || a->answered != 1)
                return;
        a->info = json_object_get(a->replies[0].parameters, "info");
        ask(a, "Status", json_pack("{s:b}", "usage", !usage_sees(&a->client, a->info)));
}

void accounts_overview(struct accounts *a, int64_t deadline_ms)
{
        for (size_t i = 0; i < a->n; i++)
                if (a->v[i].state == ACCOUNT_UP)
                        ask(&a->v[i], "GetInfo", NULL);
        collect(a, deadline_ms, ask_status);
        for (size_t i = 0; i < a->n; i++)
                take_services(&a->v[i]);
}

/* paths: finds ROOT and RUN by the one rule that svcd and svcctl share, and makes sockets below RUN
 * whatever its length. It creates no folder and judges no permission.
 */
#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/runfile.h"
#include "common/util.h"

#define SOCKET_NAME     "control.sock"
#define CONNECT_SECONDS 10

/* ---- names ---- */

/* Adds the parts of TAIL to PATH, resolving "." and ".." by their text: none of it exists. */
static void add_parts(struct strbuf *path, const char *tail)
{
        while (*tail) {
                size_t n = strcspn(tail, "/");
                if (n == 2 && memcmp(tail, "..", 2) == 0) {
                        char *slash = strrchr(path->s, '/');
                        path->n = (size_t)(slash - path->s);
                        path->s[path->n] = '\0';
                        if (path->n == 0)
                                strbuf_addc(path, '/');
                } else if (n > 0 && !(n == 1 && *tail == '.')) {
                        if (path->s[path->n - 1] != '/')
                                strbuf_addc(path, '/');
                        strbuf_addn(path, tail, n);
                }
                tail += n;
                tail += strspn(tail, "/");
        }
}

/* PATH made absolute, without symbolic links as far as it exists and may be looked at. */
static int resolve(const char *path, char **ret)
{
        _cleanup_free_ char *cwd = NULL, *head = NULL;
        if (*path != '/' && !(cwd = getcwd(NULL, 0)))
                return -errno;
        head = path_join(cwd ? cwd : "/", path);
        size_t n = strlen(head);
        _cleanup_free_ char *whole = xstrdup(head);
        for (;;) {
                _cleanup_free_ char *real = realpath(head, NULL);
                if (real) {
                        _cleanup_strbuf_ struct strbuf b = {0};
                        strbuf_add(&b, real);
                        add_parts(&b, whole + n);
                        *ret = strbuf_take(&b);
                        return 0;
                }
                if ((errno != ENOENT && errno != EACCES) || n <= 1)
                        return -errno;
                while (n > 1 && head[n - 1] == '/')
                        n--;
                while (n > 1 && head[n - 1] != '/')
                        n--;
                head[n] = '\0';
        }
}

char *paths_system_run(const char *name, unsigned uid)
{
        struct stat st;
        if (!name[0] || strchr(name, '/'))
                return NULL;
        char *dir = xasprintf("%s/%s", PATHS_SYSTEM_RUN, name);
        if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid)
                return dir;
        free(dir);
        return NULL;
}

/* If the administrator has made it for the account UID; else NULL. */
static char *system_run(uid_t uid)
{
        /* Looking the user up loads name services: only where there is something to find. */
        if (access(PATHS_SYSTEM_RUN, X_OK) < 0)
                return NULL;
        const struct passwd *pw = getpwuid(uid);
        return pw ? paths_system_run(pw->pw_name, uid) : NULL;
}

static const char *getenv_set(const char *name)
{
        const char *v = getenv(name);
        return v && *v ? v : NULL;
}

static int find_home(char **ret, char **ret_error)
{
        const char *home = getenv_set("HOME");
        if (home && *home == '/') {
                *ret = xstrdup(home);
                return 0;
        }
        const struct passwd *pw = getpwuid(geteuid());
        if (pw && pw->pw_dir && *pw->pw_dir == '/') {
                *ret = xstrdup(pw->pw_dir);
                return 0;
        }
        _cleanup_free_ char *why =
            home ? xasprintf("HOME is \"%s\", which is no absolute path,", home)
                 : xstrdup("HOME is not set");
        *ret_error =
            xasprintf("cannot find the home directory: %s and user %d has %s", why, (int)geteuid(),
                      pw ? "none in the passwd database" : "no entry in the passwd database");
        return -ENOENT;
}

static int resolve_or_say(const char *what, const char *path, char **ret, char **ret_error)
{
        int r = resolve(path, ret);
        if (r < 0)
                *ret_error = xasprintf("%s %s: %s", what, path, strerror(-r));
        return r;
}

/* ROOT, and whether it is the account's default one. */
static int find_root(const char *option, const char *home, char **ret, bool *ret_default,
                     char **ret_error)
{
        const char *env = getenv_set("SVCD_ROOT"), *given = option ? option : env;
        _cleanup_free_ char *usual = path_join(home, "admin"), *usual_real = NULL, *real = NULL;
        if (option && !*option) {
                *ret_error = xstrdup("--root needs a folder, such as --root ~/admin");
                return -EINVAL;
        }
        const char *what = option ? "--root" : env ? "SVCD_ROOT" : "folder";
        int r = resolve_or_say(what, given ? given : usual, &real, ret_error);
        if (r < 0)
                return r;
        *ret_default = !given;
        if (given && resolve(usual, &usual_real) == 0)
                *ret_default = str_eq(real, usual_real);
        *ret = TAKE_PTR(real);
        return 0;
}

/* Root looks at another account: whether ROOT is the default one of the user that it belongs to. */
static bool is_default_of(const char *root, uid_t *ret)
{
        struct stat st;
        const struct passwd *pw = access(PATHS_SYSTEM_RUN, X_OK) == 0 && lstat(root, &st) == 0
                                      ? getpwuid(st.st_uid)
                                      : NULL;
        if (!pw || pw->pw_dir[0] != '/')
                return false;
        _cleanup_free_ char *usual = path_join(pw->pw_dir, "admin"), *real = NULL;
        *ret = st.st_uid;
        return resolve(usual, &real) == 0 && str_eq(root, real);
}

static int find_run(const struct paths *p, bool is_default, char **ret, char **ret_error)
{
        const char *env = getenv_set("SVCD_RUNTIME_DIR");
        uid_t owner;
        if (env)
                return resolve_or_say("SVCD_RUNTIME_DIR", env, ret, ret_error);
        *ret = NULL;
        if (is_default)
                *ret = system_run(geteuid());
        else if (geteuid() == 0 && is_default_of(p->root, &owner))
                *ret = system_run(owner);
        if (!*ret)
                *ret = path_join(p->root, "run");
        return 0;
}

/* Root looks at the account that ROOT belongs to, or the folder in which it would be made. */
static uid_t find_uid(const char *root)
{
        _cleanup_free_ char *folder = xstrdup(root);
        struct stat st;
        while (stat(folder, &st) < 0 && strrchr(folder, '/') > folder)
                *strrchr(folder, '/') = '\0';
        return geteuid() == 0 && stat(folder, &st) == 0 ? st.st_uid : geteuid();
}

void paths_use_run(struct paths *p, const char *run)
{
        char *own = xstrdup(run);
        free(p->run);
        free(p->socket);
        free(p->shims);
        p->run = own;
        p->socket = path_join(run, SOCKET_NAME);
        p->shims = path_join(run, "shims");
}

int paths_find(const char *root_option, struct paths *ret, char **ret_error)
{
        struct paths p = {0};
        bool is_default = false;
        int r = find_home(&p.home, ret_error);
        if (r == 0)
                r = find_root(root_option, p.home, &p.root, &is_default, ret_error);
        if (r == 0)
                r = find_run(&p, is_default, &p.usual, ret_error);
        if (r < 0) {
                paths_done(&p);
                return r;
        }
        p.config = path_join(p.root, "config");
        p.main_file = path_join(p.config, "services.yaml");
        p.dropins = path_join(p.config, "services.d");
        p.logs = path_join(p.root, "logs/services");
        p.state = path_join(p.root, "svcd");
        paths_use_run(&p, p.usual);
        p.uid = find_uid(p.root);
        p.named = runfile_read(p.root, p.uid);
        if (p.named && str_eq(p.named, p.usual)) {
                free(p.named);
                p.named = NULL;
        }
        p.policy = xstrdup(PATHS_POLICY);
        *ret = p;
        return 0;
}

void paths_set_policy(struct paths *p, const char *file)
{
        _cleanup_free_ char *cwd = *file == '/' ? NULL : getcwd(NULL, 0);
        free(p->policy);
        p->policy = path_join(cwd ? cwd : "/", file);
}

void paths_done(struct paths *p)
{
        char **all[] = {&p->home,    &p->root,  &p->run,   &p->config, &p->main_file,
                        &p->dropins, &p->logs,  &p->state, &p->socket, &p->shims,
                        &p->policy,  &p->usual, &p->named};
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                free(*all[i]);
        *p = (struct paths){0};
}

char *paths_log(const struct paths *p, const char *service)
{
        return xasprintf("%s/%s.log", p->logs, service);
}

/* ---- sockets ---- */

/* An address for NAME in the folder RUN. Where the plain path does not fit, the folder is opened
 * and named by its descriptor, which must stay open (*ret_dir, else -1) while the address is used.
 */
static int address(const char *run, const char *name, struct sockaddr_un *ret, int *ret_dir)
{
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        *ret_dir = -1;
        size_t n = strlen(run), m = strlen(name);
        if (n + 1 + m < sizeof(ret->sun_path)) {
                memcpy(ret->sun_path, run, n);
                ret->sun_path[n] = '/';
                memcpy(ret->sun_path + n + 1, name, m + 1);
                return 0;
        }
        *ret_dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_dir < 0)
                return -errno;
        snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%.40s", *ret_dir, name);
        return 0;
}

static int connect_to(const char *run, int flags)
{
        struct sockaddr_un sa;
        _cleanup_close_ int dir = -1, fd = -1;
        int r = address(run, SOCKET_NAME, &sa, &dir);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        if (fd < 0)
                return -errno;
        /* A listener that accepts nobody would hold connect() for ever once its queue is full. */
        struct timeval limit = {.tv_sec = CONNECT_SECONDS};
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int paths_connect(const struct paths *p)
{
        _cleanup_close_ int fd = connect_to(p->run, 0);
        if (fd < 0)
                return fd == -EAGAIN ? -ETIMEDOUT : fd;
        if (!runfile_is_listener(fd, p->uid))
                return PATHS_NOT_OF_ACCOUNT;
        return TAKE_FD(fd);
}

int paths_connect_now(const char *run)
{
        return connect_to(run, SOCK_NONBLOCK);
}

int paths_listen(const struct paths *p)
{
        static const char fresh[] = SOCKET_NAME ".new";
        struct sockaddr_un sa;
        _cleanup_close_ int dir = -1, fd = -1;
        _cleanup_free_ char *temp = path_join(p->run, fresh);
        int r = address(p->run, fresh, &sa, &dir);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* The mode of the descriptor becomes that of the file: no moment with a wider one. */
        if (fchmod(fd, 0600) < 0)
                return -errno;
        if (unlink(temp) < 0 && errno != ENOENT)
                return -errno;
        if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        /* Renamed when it listens: whoever connects finds the old socket or a working one. */
        if (listen(fd, SOMAXCONN) < 0 || rename(temp, p->socket) < 0) {
                r = -errno;
                unlink(temp);
                return r;
        }
        return TAKE_FD(fd);
}

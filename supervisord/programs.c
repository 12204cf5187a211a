/* programs.c: the paths that the programs of disabled services have, followed and watched step by step. Which
 * words of a command are a program or a script is program_paths.c's. */
#include "supervisord/programs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/program_paths.h"

#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_CREATE | IN_ONLYDIR | IN_MASK_ADD)
/* Of one path: as many links as the kernel follows, and folders on the way. Longer ones are not followed. */
#define LINKS_MAX 40
#define STEPS_MAX 64

/* A name in a folder that the path goes through, or ends at. */
struct step {
        int wd;
        char *name, *path;
};

struct identity {
        bool there;
        dev_t dev;
        ino_t ino;
        off_t size;
        int64_t ctime_ns;
};

struct program {
        struct program *next;
        struct core_service *svc;
        char *path;
        struct step *steps;
        size_t n, cap;
        struct identity now;
        int64_t newest_ms; /* when the file, or a link on the way to it, was last changed */
};

/* Steps that P no longer has. */
static void drop_steps(struct daemon *d, struct step *steps, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (!programs_watch(d, steps[i].wd) && !watch_is_place(&d->watch, steps[i].wd))
                        inotify_rm_watch(d->watch.fd, steps[i].wd);
                free(steps[i].name);
                free(steps[i].path);
        }
        free(steps);
}

/* ---- following a path ---- */

static int64_t ctime_ns(const struct stat *st)
{
        return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

/* Watches NAME in FOLDER, if the folder may be read. */
static void add_step(struct daemon *d, struct program *p, const char *folder, const char *name,
                     const char *path)
{
        int wd = inotify_add_watch(d->watch.fd, folder, EVENTS);
        if (wd < 0)
                return; /* enable and start work all the same */
        GROW(p->steps, p->n, p->cap);
        p->steps[p->n++] = (struct step){.wd = wd, .name = xstrdup(name), .path = xstrdup(path)};
}

/* Where the path is at, without symbolic links, and what of it is still to come. */
struct way {
        char *at, *rest;
        int links;
};

static void go(struct way *w, char *at)
{
        free(w->at);
        w->at = at;
}

static void up(struct way *w)
{
        char *slash = strrchr(w->at, '/');
        slash[slash == w->at] = '\0';
}

/* False: it cannot be followed. */
static bool follow_link(struct way *w, const char *link)
{
        char target[4096];
        ssize_t n = readlink(link, target, sizeof(target) - 1);
        if (n <= 0 || ++w->links > LINKS_MAX)
                return false;
        target[n] = '\0';
        char *rest = xasprintf("%s/%s", target, w->rest);
        free(w->rest);
        w->rest = rest;
        if (*target == '/')
                go(w, xstrdup("/"));
        return true;
}

/* One name further. False at the end, wherever that is. The folder is watched before it is looked into: what
 * comes in between is seen twice rather than not at all. */
static bool walk_step(struct daemon *d, struct program *p, struct way *w)
{
        char *s = w->rest + strspn(w->rest, "/");
        size_t n = strcspn(s, "/");
        if (n == 0 || p->n >= STEPS_MAX)
                return false;
        _cleanup_free_ char *name = xstrndup(s, n), *path = NULL;
        bool last = s[n + strspn(s + n, "/")] == '\0';
        memmove(w->rest, s + n, strlen(s + n) + 1);
        if (strcmp(name, ".") == 0)
                return true;
        if (strcmp(name, "..") == 0) {
                up(w);
                return true;
        }
        path = path_join(w->at, name);
        add_step(d, p, w->at, name, path);
        struct stat st;
        if (lstat(path, &st) < 0)
                return false;
        if (S_ISLNK(st.st_mode) || last)
                p->newest_ms = MAX(p->newest_ms, ctime_ns(&st) / 1000000);
        if (S_ISLNK(st.st_mode))
                return follow_link(w, path);
        if (!S_ISDIR(st.st_mode))
                return false;
        go(w, TAKE_PTR(path));
        return true;
}

static void walk(struct daemon *d, struct program *p)
{
        struct way w = {.at = xstrdup("/"), .rest = xstrdup(p->path)};
        struct stat st;
        struct step *old = p->steps;
        size_t old_n = p->n;
        p->steps = NULL;
        p->n = p->cap = 0;
        p->newest_ms = 0;
        while (walk_step(d, p, &w))
                ;
        free(w.at);
        free(w.rest);
        drop_steps(d, old, old_n);
        p->now = (struct identity){0};
        if (stat(p->path, &st) == 0)
                p->now = (struct identity){true, st.st_dev, st.st_ino, st.st_size, ctime_ns(&st)};
}

/* ---- what happened ---- */

static void post_changed(struct daemon *d, struct core_service *s)
{
        struct core_event ev = {.type = CORE_EV_EXECUTABLE, .uid = -1};
        daemon_post(d, s, &ev);
}

static bool same(const struct identity *a, const struct identity *b)
{
        return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
               a->ctime_ns == b->ctime_ns;
}

/* Whoever has just made a file is going to write it, and will close it. */
static bool only_begun(const struct step *s, const struct inotify_event *e)
{
        struct stat st;
        return (e->mask & IN_CREATE) && lstat(s->path, &st) == 0 && S_ISREG(st.st_mode) &&
               st.st_nlink == 1;
}

static bool concerns(const struct program *p, const struct inotify_event *e)
{
        for (size_t i = 0; i < p->n; i++) {
                const struct step *s = &p->steps[i];
                if (s->wd == e->wd && (e->mask & IN_IGNORED))
                        return true; /* the folder has gone */
                if (s->wd == e->wd && e->len && strcmp(e->name, s->name) == 0)
                        return !only_begun(s, e);
        }
        return false;
}

void programs_event(struct daemon *d, const struct inotify_event *e)
{
        for (struct program *p = d->programs.first; p; p = p->next) {
                if (e && !concerns(p, e))
                        continue;
                const struct identity before = p->now;
                walk(d, p);
                if (p->now.there && !same(&before, &p->now))
                        post_changed(d, p->svc);
        }
}

bool programs_watch(const struct daemon *d, int wd)
{
        for (const struct program *p = d->programs.first; p; p = p->next)
                for (size_t i = 0; i < p->n; i++)
                        if (p->steps[i].wd == wd)
                                return true;
        return false;
}

/* ---- which are watched ---- */

void programs_forget(struct daemon *d, const struct core_service *s)
{
        for (struct program **at = &d->programs.first; *at;) {
                struct program *p = *at;
                if (p->svc != s) {
                        at = &p->next;
                        continue;
                }
                *at = p->next;
                drop_steps(d, p->steps, p->n);
                free(p->path);
                free(p);
        }
}

void programs_forget_all(struct daemon *d)
{
        while (d->programs.first)
                programs_forget(d, d->programs.first->svc);
}

static bool is_watched(const struct daemon *d, const struct core_service *s)
{
        const struct program *p = d->programs.first;
        while (p && p->svc != s)
                p = p->next;
        return p != NULL;
}

/* Changed, or there at last, while nobody looked. A time that is still to come proves nothing. */
static bool changed_since(const struct program *p, int64_t wall_ms)
{
        return p->now.there && p->newest_ms > wall_ms && p->newest_ms <= clock_wall_ms();
}

void programs_fit(struct daemon *d, struct core_service *s)
{
        bool wanted = s->holds == CORE_HOLD_FAILURES && d->watch.fd >= 0;
        if (wanted == is_watched(d, s))
                return;
        if (!wanted) {
                programs_forget(d, s);
                return;
        }
        _cleanup_strv_ struct strv paths = {0};
        bool changed = false;
        program_paths(s->conf, s->def, &d->user, &paths);
        for (size_t i = 0; i < paths.n; i++) {
                struct program *p = xcalloc(1, sizeof(*p));
                *p = (struct program){.next = d->programs.first,
                                      .svc = s,
                                      .path = xstrdup(paths.v[i])};
                d->programs.first = p;
                walk(d, p);
                changed |= changed_since(p, s->exits_n ? s->exits[0].at_wall_ms : INT64_MAX);
        }
        if (changed)
                post_changed(d, s);
}

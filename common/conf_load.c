/* conf_load.c: finding and reading the definition files: which there are, whether they are safe to believe,
 * what is in them as bytes. What the bytes mean is the other conf modules' business. */
#include "common/conf_ports.h"
#include "common/conf_private.h"
#include "common/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SETTLED_MS                                                                                 \
        2000 /* without a change: the coarsest clock that a file system keeps is that of FAT */

/* A file or folder that was found. */
struct source {
        char *path;
        char *text; /* NULL: it could not be read, or it is a folder */
        size_t n;
        char *why;    /* why it could not be read or is refused */
        bool folder;  /* `why` is about a folder */
        bool ignored; /* not a definition file; `why` is a warning */
        bool silent;  /* its folder is refused, and that is said already */
        bool unread;  /* `why` is an error of the system's: it may be gone the next time */
        struct stat st;
};
struct scan {
        struct source *v;
        size_t n, cap;
        bool stats_only; /* files are judged, but not read */
};

static struct source *add_source(struct scan *s, const char *path, char *why)
{
        GROW(s->v, s->n, s->cap);
        struct source *src = &s->v[s->n++];
        *src = (struct source){.path = xstrdup(path), .why = why};
        return src;
}

/* ERROR: errno, positive. */
static void unreadable(struct source *src, int error)
{
        src->why = xasprintf("cannot be read: %s", strerror(error));
        src->unread = true;
}

static void scan_done(struct scan *s)
{
        for (size_t i = 0; i < s->n; i++) {
                free(s->v[i].path);
                free(s->v[i].text);
                free(s->v[i].why);
        }
        free(s->v);
}

/* ---- who else can write to it ---- */

/* A group that is the account's own: the primary one, of the same name, with nobody else in it, as
 * distributions make them. Anything that is not certain is somebody else. */
static bool private_group(gid_t gid)
{
        const struct passwd *pw = getpwuid(geteuid());
        if (!pw || pw->pw_gid != gid)
                return false;
        _cleanup_free_ char *name = xstrdup(pw->pw_name);
        const struct group *gr = getgrgid(gid);
        if (!gr || strcmp(gr->gr_name, name) != 0)
                return false;
        for (char **m = gr->gr_mem; *m; m++)
                if (strcmp(*m, name) != 0)
                        return false;
        return true;
}

static char *name_of_user(uid_t uid)
{
        const struct passwd *pw = getpwuid(uid);
        return pw ? xstrdup(pw->pw_name) : xasprintf("with number %lu", (unsigned long)uid);
}

static char *name_of_group(gid_t gid)
{
        const struct group *gr = getgrgid(gid);
        return gr ? xstrdup(gr->gr_name) : xasprintf("with number %lu", (unsigned long)gid);
}

/* Why PATH, whose status is ST, must not be believed: a sentence (caller frees), or NULL if it may.
 * ANY_OWNER: root looks at a file that it was asked to check. */
static char *judge(const char *path, const struct stat *st, bool any_owner)
{
        const char *noun = S_ISDIR(st->st_mode) ? "directory" : "file";
        struct strbuf quoted = {0};
        char *why = NULL;
        conf_quote_word(&quoted, path);
        if (st->st_uid != geteuid() && st->st_uid != 0 && !any_owner) {
                _cleanup_free_ char *owner = name_of_user(st->st_uid);
                why = xasprintf(
                    "refused: the %s is owned by the user %s, who can change it (put a copy of "
                    "your own in its place)",
                    noun, owner);
        } else if (st->st_mode & S_IWOTH) {
                why = xasprintf(
                    "refused: every user can write to this %s, its mode is %04o (run: chmod "
                    "go-w %s)",
                    noun, st->st_mode & 07777, quoted.s);
        } else if ((st->st_mode & S_IWGRP) &&
                   /* with an ACL, the group's bits are those of all that it names */
                   (getxattr(path, "system.posix_acl_access", NULL, 0) > 0 ||
                    !private_group(st->st_gid))) {
                _cleanup_free_ char *group = name_of_group(st->st_gid);
                why = xasprintf(
                    "refused: the group %s can write to this %s, its mode is %04o (run: chmod "
                    "g-w %s)",
                    group, noun, st->st_mode & 07777, quoted.s);
        }
        strbuf_done(&quoted);
        return why;
}

char *conf_folder_refused(const char *path)
{
        struct stat st;
        return stat(path, &st) < 0 ? NULL : judge(path, &st, false);
}

/* For a symbolic link: the folder in which its target lies, where somebody could exchange it. */
static char *judge_link(const char *path)
{
        struct stat st;
        if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
                return NULL;
        _cleanup_free_ char *target = realpath(path, NULL);
        char *slash = target ? strrchr(target, '/') : NULL;
        if (!slash)
                return NULL;
        slash[slash == target] = '\0';
        if (stat(target, &st) < 0)
                return NULL;
        _cleanup_free_ char *why = judge(target, &st, false);
        return why ? xasprintf("a symbolic link into %s: %s", target, why) : NULL;
}

char *conf_refused(const struct paths *paths, const char *path)
{
        const bool any_owner = geteuid() == 0;
        const char *const way[] = {
            paths->root,
            paths->config,
            path_within(path, paths->dropins) ? paths->dropins : paths->config,
            path,
        };
        struct stat st;
        for (size_t i = 0; i < ARRAY_SIZE(way); i++) {
                char *why = stat(way[i], &st) == 0 ? judge(way[i], &st, any_owner) : NULL;
                if (!why && !any_owner && way[i] == path)
                        why = judge_link(path);
                if (!why)
                        continue;
                char *line = xasprintf("%s: %s", way[i], why);
                free(why);
                return line;
        }
        return NULL;
}

/* ---- reading ---- */

static char *judge_content(const char *path, const struct stat *st, bool any_owner)
{
        char size[CONF_DURATION_MAX], max[CONF_DURATION_MAX];
        if (S_ISDIR(st->st_mode))
                return xstrdup("this is a directory, not a file");
        if (!S_ISREG(st->st_mode))
                return xstrdup("this is not a regular file");
        char *why = judge(path, st, any_owner);
        if (!why && st->st_size > (off_t)CONF_FILE_MAX)
                why = xasprintf("too large for a definition file: %s (at most %s)",
                                conf_format_size(st->st_size, size),
                                conf_format_size(CONF_FILE_MAX, max));
        return why;
}

/* Opens the file of SRC (so that the status of one that lies on another machine is that of now) and judges it. The
 * descriptor; -1: SRC says why not. */
static int open_source(struct source *src, bool any_owner)
{
        /* O_NONBLOCK: a FIFO in place of a file must not stop the caller */
        _cleanup_close_ int fd = open(src->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT && lstat(src->path, &src->st) == 0) {
                src->why =
                    xstrdup("cannot be read: it is a symbolic link to a file that does not exist");
                src->unread = true; /* it may be on a disk that is mounted later */
                return -1;
        }
        if (fd < 0 || fstat(fd, &src->st) < 0) {
                unreadable(src, errno);
                return -1;
        }
        src->why = judge_content(src->path, &src->st, any_owner);
        if (!src->why && !any_owner)
                src->why = judge_link(src->path);
        return src->why ? -1 : TAKE_FD(fd);
}

/* Reads the file into SRC: its text, or why not. */
static void read_source(struct source *src, bool any_owner)
{
        _cleanup_close_ int fd = open_source(src, any_owner);
        if (fd < 0)
                return;
        int r = file_read_fd(fd, CONF_FILE_MAX, &src->text, &src->n);
        if (r < 0) {
                unreadable(src, -r);
                return;
        }
        const char *nul = memchr(src->text, '\0', src->n);
        if (nul) {
                src->why = xasprintf("this is not a text file (it has a NUL byte at offset %zu)",
                                     (size_t)(nul - src->text));
                free(TAKE_PTR(src->text));
        }
}

/* ---- what there is ---- */

/* False if the folder does not exist. *REFUSED is set, and a source added, if it must not be believed. */
static bool check_folder(struct scan *s, const char *path, bool *refused)
{
        struct stat st;
        char *why = NULL;
        int error = 0;
        if (stat(path, &st) < 0) {
                if (errno == ENOENT)
                        return false;
                error = errno;
                why = xasprintf("cannot be read: %s", strerror(error));
        } else if (!S_ISDIR(st.st_mode)) {
                why = xstrdup("this is not a directory");
        } else {
                why = judge(path, &st, false);
        }
        if (why) {
                struct source *src = add_source(s, path, why);
                src->folder = true;
                src->unread = error != 0;
                *refused = true;
        }
        return true;
}

static void add_file(struct scan *s, const char *path, bool refused)
{
        struct source *src = add_source(s, path, NULL);
        src->silent = refused;
        if (refused)
                return;
        if (s->stats_only)
                util_close(open_source(src, false));
        else
                read_source(src, false);
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void scan_dropins(struct scan *s, const char *folder, bool refused)
{
        if (!check_folder(s, folder, &refused))
                return;
        DIR *dir = opendir(folder);
        if (!dir) {
                int error = errno;
                if (!refused) {
                        struct source *src = add_source(s, folder, NULL);
                        src->folder = true;
                        unreadable(src, error);
                }
                return;
        }
        _cleanup_strv_ struct strv names = {0};
        for (struct dirent *e; (e = readdir(dir));)
                if (e->d_name[0] != '.' &&
                    (str_ends(e->d_name, ".yaml") || str_ends(e->d_name, ".yml")))
                        strv_add(&names, e->d_name);
        closedir(dir);
        if (names.n > 0)
                qsort(names.v, names.n, sizeof(*names.v), by_text);
        for (size_t i = 0, files = 0; i < names.n; i++) {
                _cleanup_free_ char *path = path_join(folder, names.v[i]);
                if (str_ends(path, ".yml"))
                        add_source(s, path,
                                   xasprintf("ignored: rename it to %.*s.yaml",
                                             (int)strlen(names.v[i]) - 4, names.v[i]))
                            ->ignored = true;
                else if (++files > CONF_FILES_MAX)
                        add_source(s, path,
                                   xasprintf("not read: more than %d files", CONF_FILES_MAX));
                else
                        add_file(s, path, refused);
        }
}

static void scan_all(struct scan *s, const struct paths *paths)
{
        bool refused = false;
        struct stat st;
        check_folder(s, paths->root, &refused);
        if (!check_folder(s, paths->config, &refused)) {
                /* svcd makes it when it starts: without it nobody said that services are to go */
                add_source(s, paths->config,
                           xasprintf("cannot be read: %s (services that run go on; svcd creates "
                                     "the folder when it starts)",
                                     strerror(ENOENT)))
                    ->folder = true;
                return;
        }
        if (lstat(paths->main_file, &st) == 0 || errno != ENOENT)
                add_file(s, paths->main_file, refused);
        scan_dropins(s, paths->dropins, refused);
}

static uint64_t scan_hash(const struct scan *s)
{
        uint64_t h = str_hash("conf", 4, 0);
        for (size_t i = 0; i < s->n; i++) {
                const struct source *src = &s->v[i];
                h = str_hash(src->path, strlen(src->path) + 1, h);
                if (src->why)
                        h = str_hash(src->why, strlen(src->why) + 1, h);
                if (src->text)
                        h = str_hash_long(src->text, src->n, h);
                h = str_hash(&src->n, sizeof(src->n), h);
        }
        return h;
}

/* Of all that tells a file from what it was before, or 0: what there is must be read to be known, for one thing
 * because it is newer than SINCE_MS (since 1970). */
static uint64_t scan_stamp(const struct scan *s, int64_t since_ms)
{
        uint64_t h = str_hash("seen", 4, 0);
        for (size_t i = 0; i < s->n; i++) {
                const struct source *src = &s->v[i];
                const struct stat *st = &src->st;
                const int64_t of_it[] = {
                    (int64_t)st->st_dev,          (int64_t)st->st_ino, st->st_size,
                    st->st_mtim.tv_sec,           st->st_mtim.tv_nsec, st->st_ctim.tv_sec,
                    (int64_t)st->st_ctim.tv_nsec,
                };
                if (src->why || st->st_mtim.tv_sec >= since_ms / 1000 ||
                    st->st_ctim.tv_sec >= since_ms / 1000)
                        return 0;
                h = str_hash(src->path, strlen(src->path) + 1, h);
                h = str_hash(of_it, sizeof(of_it), h);
        }
        return h;
}

static uint64_t with_policy(uint64_t h, uint64_t policy)
{
        return policy ? str_hash(&policy, sizeof(policy), h) : h;
}

/* ---- loading ---- */

/* POLICY: taken over. GOOD: see conf_load_since. */
static struct conf *load(struct scan *s, const char *home, struct policy *policy, bool unjudged,
                         const struct conf *good, struct diag *diag)
{
        struct conf *c = xcalloc(1, sizeof(*c));
        c->refs = 1;
        c->home = xstrdup(home);
        c->policy = policy;
        c->unjudged = unjudged;
        c->fingerprint = with_policy(scan_hash(s), policy ? policy->fingerprint : 0);
        struct conf_doc **docs = xcalloc(s->n, sizeof(struct conf_doc *));
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++) {
                struct source *src = &s->v[i];
                if (src->why)
                        diag_add(diag, src->ignored ? DIAG_WARNING : DIAG_ERROR, src->path, 0, 0,
                                 NULL, NULL, "%s", src->why);
                if (src->ignored)
                        continue;
                c->unread |= src->unread;
                if (!src->folder)
                        strv_add(&c->files, src->path);
                if (src->text)
                        docs[n++] = conf_doc_parse(conf_intern(c, src->path), TAKE_PTR(src->text),
                                                   src->n, diag);
                else
                        strv_add(&c->broken, src->path);
        }
        conf_parse(c, docs, n, good, diag);
        for (size_t i = 0; i < n; i++)
                conf_doc_free(docs[i]);
        free(docs);
        scan_done(s);
        diag_sort(diag);
        return c;
}

/* What could be read of a file, or is not there, is replaced by what it is to be. The main file comes first. */
static void lay_over(struct scan *s, const struct paths *paths, const struct conf_overlay *o)
{
        size_t i = 0;
        while (i < s->n && strcmp(s->v[i].path, o->file) != 0)
                i++;
        if (i == s->n) {
                struct source new = *add_source(s, o->file, NULL);
                i = strcmp(o->file, paths->main_file) == 0 ? 0 : i;
                memmove(&s->v[i + 1], &s->v[i], (s->n - 1 - i) * sizeof(*s->v));
                s->v[i] = new;
        }
        if (s->v[i].why)
                return;
        free(s->v[i].text);
        s->v[i].text = xstrndup(o->text, o->n);
        s->v[i].n = o->n;
}

/* S: of all that is below PATHS. */
static struct conf *load_all(struct scan *s, const struct paths *paths, const char *home,
                             const struct conf *good, struct diag *diag)
{
        struct conf *c = load(s, home, policy_find(paths, diag), false, good, diag);
        _cleanup_conf_ports_ struct conf_ports ports = {0};
        if (conf_ports_read(paths, &ports) == 0)
                conf_ports_give(c, &ports, NULL, NULL, diag);
        if (c->files.n == 0 && c->broken.n == 0) {
                diag_add(diag, DIAG_WARNING, NULL, 0, 0, NULL, NULL,
                         "no definitions found in %s (neither services.yaml nor services.d/*.yaml)",
                         paths->config);
        }
        diag_sort(diag);
        return c;
}

struct conf *conf_load_with(const struct paths *paths, const char *home,
                            const struct conf_overlay *overlays, size_t n, struct diag *diag)
{
        struct scan s = {0};
        scan_all(&s, paths);
        for (size_t i = 0; i < n; i++)
                lay_over(&s, paths, &overlays[i]);
        return load_all(&s, paths, home, NULL, diag);
}

struct conf *conf_load_since(const struct paths *paths, const char *home, const struct conf *good,
                             struct diag *diag)
{
        struct scan s = {0};
        scan_all(&s, paths);
        return load_all(&s, paths, home, good, diag);
}

struct conf *conf_load(const struct paths *paths, const char *home, struct diag *diag)
{
        return conf_load_since(paths, home, NULL, diag);
}

struct conf *conf_load_files(const struct strv *files, const char *home, struct policy *policy,
                             struct diag *diag)
{
        struct scan s = {0};
        for (size_t i = 0; i < files->n; i++)
                read_source(add_source(&s, files->v[i], NULL), geteuid() == 0);
        return load(&s, home, policy_ref(policy), false, NULL, diag);
}

static void add_text(struct scan *s, const char *name, const char *text, size_t n_bytes)
{
        struct source *src = add_source(s, name, NULL);
        src->text = xstrndup(text, n_bytes);
        src->n = n_bytes;
}

struct conf *conf_load_text(const char *name, const char *text, size_t n_bytes, const char *home,
                            struct policy *policy, struct diag *diag)
{
        struct scan s = {0};
        add_text(&s, name, text, n_bytes);
        return load(&s, home, policy_ref(policy), false, NULL, diag);
}

struct conf *conf_load_good_text(const char *name, const char *text, size_t n_bytes,
                                 const char *home, struct policy *policy, struct diag *diag)
{
        struct scan s = {0};
        add_text(&s, name, text, n_bytes);
        return load(&s, home, policy_ref(policy), true, NULL, diag);
}

struct conf *conf_load_good(const char *file, const char *home, struct policy *policy,
                            struct diag *diag)
{
        struct scan s = {0};
        read_source(add_source(&s, file, NULL), false);
        struct conf *c = load(&s, home, policy_ref(policy), true, NULL, diag);
        c->left = true;
        return c;
}

uint64_t conf_fingerprint(const struct paths *paths, struct conf_look *seen, int64_t now_wall_ms)
{
        struct scan s = {.stats_only = true};
        scan_all(&s, paths);
        uint64_t stamp = scan_stamp(&s, now_wall_ms - SETTLED_MS);
        scan_done(&s);
        if (!stamp || stamp != seen->stamp) {
                /* Read after the look: what changes in between has another stamp. */
                s = (struct scan){0};
                scan_all(&s, paths);
                *seen = (struct conf_look){.stamp = stamp, .hash = scan_hash(&s)};
                scan_done(&s);
        }
        return with_policy(seen->hash, policy_fingerprint(paths));
}

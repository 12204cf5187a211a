/* import_envfile.c: files of variables as systemd reads them (EnvironmentFile=) and as svcd does: where the two
 * differ, a remark of `svcctl import` says so. Nothing of their values is shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/import_systemd.h"

/* ---- as systemd reads it ---- */

struct reader {
        const char *s;
        struct strbuf key, value;
        size_t kept; /* of the value: what blanks at its end may not be cut off */
        int line;
};

static char next(struct reader *r)
{
        r->line += *r->s == '\n';
        return *r->s++;
}

static void keep(struct reader *r, char c)
{
        strbuf_addc(&r->value, c);
        r->kept = r->value.n;
}

static void take_single(struct reader *r)
{
        while (*r->s && *r->s != '\'')
                keep(r, next(r));
        r->s += *r->s != '\0';
}

static void take_double(struct reader *r)
{
        while (*r->s && *r->s != '"') {
                char c = next(r);
                if (c == '\\' && *r->s) {
                        c = next(r);
                        if (c == '\n')
                                continue;
                        if (!strchr("\"`$\\", c))
                                keep(r, '\\');
                }
                keep(r, c);
        }
        r->s += *r->s != '\0';
}

/* Pieces in quotes, one behind the other; then, without quotes, the rest of the line, in which a quote is one. */
static void take_value(struct reader *r)
{
        bool begun = false;
        r->kept = 0;
        while (*r->s && *r->s != '\n') {
                char c = next(r);
                if (!begun && c == '\'') {
                        take_single(r);
                } else if (!begun && c == '"') {
                        take_double(r);
                } else if (c == '\\') {
                        begun = true;
                        if (*r->s && (c = next(r)) != '\n')
                                keep(r, c);
                } else if (c == ' ' || c == '\t' || c == '\r') {
                        if (begun)
                                strbuf_addc(&r->value, c);
                } else {
                        begun = true;
                        keep(r, c);
                }
        }
        r->value.n = r->kept;
}

static void take_line(struct reader *r, struct conf_env *ret)
{
        int line = r->line;
        while (*r->s && *r->s != '=' && *r->s != '\n')
                strbuf_addc(&r->key, next(r));
        if (*r->s != '=')
                return; /* it passes over such a line */
        r->s++;
        take_value(r);
        _cleanup_free_ char *value = xstrndup(r->value.s ? r->value.s : "", r->value.n);
        while (r->key.n > 0 && strchr(" \t\r", r->key.s[r->key.n - 1]))
                r->key.s[--r->key.n] = '\0';
        const char *key = r->key.s ? r->key.s : "";
        for (size_t i = 0; i < ret->n; i++) {
                if (strcmp(ret->v[i].name, key) != 0)
                        continue;
                free(ret->v[i].value);
                ret->v[i].value = TAKE_PTR(value);
                return;
        }
        if (conf_var_ok(key))
                conf_env_add(ret, key, value, (struct conf_place){.line = line}, false);
}

static void read_as_systemd(const char *text, struct conf_env *ret)
{
        struct reader r = {.s = text, .line = 1};
        while (*r.s) {
                if (strchr(" \t\r\n", *r.s)) {
                        next(&r);
                } else if (*r.s == '#' || *r.s == ';') {
                        while (*r.s && *r.s != '\n')
                                r.s++;
                } else {
                        take_line(&r, ret);
                        strbuf_done(&r.key);
                        strbuf_done(&r.value);
                }
        }
}

/* ---- what differs ---- */

/* OURS is in the form that svcd expands. */
static bool is_same(const char *ours, const char *theirs, bool *ret_expands)
{
        for (; *ours; ours++, theirs++) {
                if (ours[0] == '$' && ours[1] == '{')
                        *ret_expands = true;
                ours += ours[0] == '$' && ours[1] == '$';
                if (*ours != *theirs || *ret_expands)
                        return false;
        }
        return !*theirs;
}

static void add_name(struct strbuf *b, const struct conf_var *v)
{
        strbuf_addf(b, "%s%s (line %d)", b->n ? ", " : "", v->name, v->place.line);
}

static void compare(struct unit *u, const struct import_ini_row *row, const struct conf_env *ours,
                    const struct conf_env *theirs)
{
        _cleanup_strbuf_ struct strbuf expanded = {0}, other = {0}, new = {0};
        for (size_t i = 0; i < theirs->n; i++) {
                const struct conf_var *v = &theirs->v[i], *here = conf_env_find(ours, v->name);
                bool expands = false;
                if (!here || !is_same(here->value, v->value, &expands))
                        add_name(expands ? &expanded : &other, v);
        }
        for (size_t i = 0; i < ours->n; i++)
                if (!conf_env_find(theirs, ours->v[i].name))
                        add_name(&new, &ours->v[i]);
        if (expanded.n)
                import_note(u->im, u->s, row->line, row->key, row->value,
                            "${NAME} in values is replaced here, unlike there, unless single "
                            "quotes are around it: %s",
                            expanded.s);
        if (other.n)
                import_note(
                    u->im, u->s, row->line, row->key, row->value,
                    "quotes, backslashes, $$ or a # are read in another way here; with single "
                    "quotes around the whole value it is the same: %s",
                    other.s);
        if (new.n)
                import_note(u->im, u->s, row->line, row->key, row->value,
                            "a variable here, and passed over there: %s", new.s);
}

/* A regular file, whatever else may have that name. */
static int read_text(const char *path, char **ret, size_t *ret_n)
{
        struct stat st;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? file_read_fd(fd, CONF_FILE_MAX, ret, ret_n) : -EINVAL;
}

bool unit_env_file_ok(struct unit *u, const struct import_ini_row *row, const char *path)
{
        _cleanup_free_ char *ours = import_path(u->im, path), *whole = path_join(u->im->home, ours),
                            *text = NULL;
        struct conf_env here = {0}, there = {0};
        const char *error = NULL;
        size_t n = 0;
        int line = 0;
        if (read_text(whole, &text, &n) < 0)
                return true; /* whoever runs it may say more */
        if (conf_dotenv_parse(text, n, &here, &line, &error) < 0) {
                import_lost(
                    u->im, u->s, row->line, row->key, row->value,
                    "line %d of it: %s; here a variable is one line, NAME='value', without a "
                    "\\ at its end: mend it, and name the file under environment_file",
                    line, error);
                return false;
        }
        read_as_systemd(text, &there);
        compare(u, row, &here, &there);
        conf_env_done(&here);
        conf_env_done(&there);
        return true;
}

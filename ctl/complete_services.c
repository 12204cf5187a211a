/* complete_services: the names of services for completion, quickly and whatever state the account is in: svcd that
 * hangs costs a moment, definitions that are wrong cost nothing. What they mean is not looked at.
 */
#include "ctl/complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/runfile.h"
#include "common/text.h"
#include "ctl/client.h"
#include "ctl/status_rows.h"

#define SVCD_MS 10 /* for svcd to answer */

static void add(struct complete *ret, const char *prefix, const char *name, const char *help)
{
        if (str_starts(name, prefix) && conf_name_ok(name))
                complete_add(ret, name, help);
}

/* ---- from svcd ---- */

static bool ask(const struct paths *paths, const char *prefix, struct complete *ret)
{
        _cleanup_client_ struct client c = {.fd = paths_connect_now(paths->run)};
        if (c.fd >= 0 && !runfile_is_listener(c.fd, paths->uid))
                return false;
        _cleanup_free_ char *text = NULL;
        struct status_rows rows = {0};
        if (c.fd < 0)
                return false;
        client_send(&c, "Status", json_pack("{s:b}", "usage", 0), false);
        bool ok = client_next_text(&c, clock_mono_ms() + SVCD_MS, &text) == 0 &&
                  status_rows_parse(text, &rows) == 0;
        for (size_t i = 0; ok && i < rows.n; i++) {
                const struct status_row *row = &rows.v[i];
                _cleanup_free_ char *note = text_safe(row->annotation, TEXT_LINE);
                _cleanup_free_ char *help =
                    xasprintf("%s%s%s", row->state ? row->state : "?", *note ? ", " : "", note);
                add(ret, prefix, row->name, help);
        }
        status_rows_done(&rows);
        return ok;
}

/* ---- from the files ---- */

/* The key that begins at S: bare or in quotes, with its colon. Its length, *RET without quotes; 0: there is none. */
static size_t key(const char *s, char **ret)
{
        const char quote = *s == '"' || *s == '\'' ? *s : '\0';
        const char *from = s + (quote != '\0'), *end;
        size_t n =
            quote ? strcspn(from, quote == '"' ? "\"\n" : "'\n") : strcspn(from, ": \t\n{[,");
        end = from + n;
        if (!n || (quote && *end++ != quote))
                return 0;
        end += strspn(end, " \t");
        if (*end != ':' || (end[1] && !strchr(" \t\r\n", end[1])))
                return 0;
        *ret = xstrndup(from, n);
        return (size_t)(end + 1 - s);
}

/* Nothing more on the line than a comment, an anchor or a tag. */
static bool ends_line(const char *s)
{
        for (;;) {
                s += strspn(s, " \t\r");
                if (!*s || *s == '\n' || *s == '#')
                        return true;
                if (*s != '&' && *s != '!')
                        return false;
                s += strcspn(s, " \t\r\n");
        }
}

bool complete_scan(const char *text, const char *prefix, struct complete *ret)
{
        size_t top = SIZE_MAX,
               depth = 0; /* blanks before keys of the top, and before names; 0: not known yet */
        bool inside = false;
        if (str_starts(text, "\xef\xbb\xbf"))
                text += 3;
        for (const char *line = text, *next; *line; line = next) {
                next = line + strcspn(line, "\n");
                next += *next == '\n';
                size_t indent = strspn(line, " ");
                const char *s = line + indent;
                _cleanup_free_ char *name = NULL;
                if (!*s || strchr("#\r\n", *s))
                        continue;
                size_t n = key(s, &name);
                if (n && top == SIZE_MAX)
                        top = indent;
                if (indent <= top && n) {
                        inside = strcmp(name, "services") == 0;
                        depth = 0;
                        if (inside && !ends_line(s + n))
                                return false;
                } else if (indent <= top && *s == '{') {
                        return false;
                } else if (indent > top && inside) {
                        depth = depth ? depth : indent;
                        if (n && indent == depth)
                                add(ret, prefix, name, NULL);
                }
        }
        return true;
}

static void read_file(const struct paths *paths, const char *path, const char *prefix,
                      struct complete *ret)
{
        _cleanup_free_ char *text = NULL;
        if (file_read(path, CONF_FILE_MAX, &text, NULL) < 0 || complete_scan(text, prefix, ret))
                return;
        _cleanup_strv_ struct strv files = {0};
        struct diag diag = {0};
        strv_add(&files, path);
        struct conf *conf = conf_load_files(&files, paths->home, NULL, &diag);
        for (size_t i = 0; i < conf->n; i++)
                add(ret, prefix, conf->services[i]->name, NULL);
        conf_unref(conf);
        diag_done(&diag);
}

static void read_files(const struct paths *paths, const char *prefix, struct complete *ret)
{
        struct dirent **found = NULL;
        read_file(paths, paths->main_file, prefix, ret);
        int n = scandir(paths->dropins, &found, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = path_join(paths->dropins, found[i]->d_name);
                if (str_ends(path, ".yaml") && i < CONF_FILES_MAX)
                        read_file(paths, path, prefix, ret);
                free(found[i]);
        }
        free(found);
}

/* Shells hand over words as they are written: "~/x", "$HOME/x". */
static char *home_of(const char *root)
{
        static const char *const homes[] = {"~/", "$HOME/", "${HOME}/"};
        const char *home = getenv("HOME");
        for (size_t i = 0; root && home && i < ARRAY_SIZE(homes); i++)
                if (str_starts(root, homes[i]))
                        return path_join(home, root + strlen(homes[i]));
        return root ? xstrdup(root) : NULL;
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct complete_word *)a)->word,
                      ((const struct complete_word *)b)->word);
}

/* Two files may define the same. */
static void sort_unique(struct complete *c)
{
        size_t kept = 0;
        if (c->n)
                qsort(c->v, c->n, sizeof(*c->v), compare);
        for (size_t i = 0; i < c->n; i++) {
                if (kept && strcmp(c->v[kept - 1].word, c->v[i].word) == 0) {
                        free(c->v[i].word);
                        free(c->v[i].help);
                } else {
                        c->v[kept++] = c->v[i];
                }
        }
        c->n = kept;
}

void complete_services(const char *host, const char *root, const char *prefix, struct complete *ret)
{
        struct paths paths = {0};
        _cleanup_free_ char *error = NULL;
        _cleanup_free_ char *folder = home_of(root);
        if (host)
                complete_remote(host, root, prefix, ret);
        else if (paths_find(folder, &paths, &error) == 0) {
                runfile_follow(&paths);
                if (!ask(&paths, prefix, ret))
                        read_files(&paths, prefix, ret);
        }
        paths_done(&paths);
        sort_unique(ret);
}

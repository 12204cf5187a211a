/* conf_value.c: reading a YAML value into a setting's C value, by its type, with messages that say what was
 * expected, what is there, and what was probably meant. Printing is in conf_print.c. */
#include "common/conf_private.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_MAX 256 /* of numbers; other lists have their limit in the table */

typedef bool read_fn(struct conf_at *at, const struct conf_setting_info *info,
                     const struct conf_node *node, void *member);

/* "a number", "an octal number", "true or false" */
static char *expected(const struct conf_setting_info *info)
{
        const char *text = conf_type_text[info->type];
        if (info->type == CONF_BOOL || info->type == CONF_ENUM)
                return xstrdup(text);
        return xasprintf("%s %s", strchr("aeiou", text[0]) ? "an" : "a", text);
}

/* What stands there: "a list", "\"abc\"" … */
static char *found(const struct conf_node *node)
{
        if (node->kind == CONF_LIST)
                return xstrdup("a list");
        if (node->kind == CONF_MAP)
                return xstrdup("a map");
        size_t n = strlen(node->value), cut = MIN(n, (size_t)60);
        while (cut < n && cut > 0 && ((unsigned char)node->value[cut] & 0xc0) == 0x80)
                cut--;
        return xasprintf("\"%.*s%s\"", (int)cut, node->value, cut < n ? "…" : "");
}

/* Always false, so that readers can return it. HINT may be NULL. */
static bool wrong(struct conf_at *at, const struct conf_setting_info *info,
                  const struct conf_node *node, const char *hint)
{
        _cleanup_free_ char *want = expected(info), *have = found(node);
        conf_fail(at, node, "expected %s, not %s%s%s%s", want, have, hint ? " (" : "",
                  hint ? hint : "", hint ? ")" : "");
        return false;
}

/* The text of a scalar, or NULL after a message. */
static const char *scalar(struct conf_at *at, const struct conf_setting_info *info,
                          const struct conf_node *node)
{
        if (conf_node_null(node))
                conf_fail(at, node, "has no value (give it one, or remove the key)");
        else if (node->kind != CONF_SCALAR)
                wrong(at, info, node, NULL);
        else if (node->nul)
                conf_fail(at, node, "must not contain a NUL character");
        else
                return node->value;
        return NULL;
}

static void format_number(const struct conf_setting_info *info, int64_t v,
                          char buf[CONF_DURATION_MAX])
{
        if (info->type == CONF_DURATION)
                conf_format_duration_parts(v, 5, buf);
        else if (info->type == CONF_SIZE)
                conf_format_size_exact(v, buf);
        else
                snprintf(buf, CONF_DURATION_MAX, info->type == CONF_OCTAL ? "%04llo" : "%lld%s",
                         (long long)v, info->type == CONF_PERCENT ? "%" : "");
}

/* Stores V if it is in range. */
static bool store(struct conf_at *at, const struct conf_setting_info *info,
                  const struct conf_node *node, int64_t v, void *member)
{
        bool is_port = info == &conf_settings[SETTING_port];
        int64_t least = info->min, most = info->max;
        if (is_port)
                conf_port_range(at->conf, &least, &most);
        if ((least == 0 && most == 0) || (v >= least && v <= most)) {
                *(struct conf_int *)member = (struct conf_int){.v = v, .set = true};
                return true;
        }
        char min[CONF_DURATION_MAX], max[CONF_DURATION_MAX];
        format_number(info, least, min);
        format_number(info, most, max);
        _cleanup_free_ char *rule = is_port ? conf_port_rule(at->conf) : NULL;
        if (most == INT64_MAX)
                conf_fail(at, node, "%s is too small (at least %s)", node->value, min);
        else
                conf_fail(at, node, "%s is out of range (%s to %s%s%s)", node->value, min, max,
                          rule ? "; " : "", rule ? rule : "");
        return false;
}

static bool too_large(struct conf_at *at, const struct conf_node *node)
{
        conf_fail(at, node, "%.60s is out of range", node->value);
        return false;
}

static bool read_string(struct conf_at *at, const struct conf_setting_info *info,
                        const struct conf_node *node, void *member)
{
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        size_t n = strlen(s);
        while (n > 0 && s[n - 1] == '\n') /* as a block (|) ends */
                n--;
        for (size_t i = 0; i < n; i++) {
                /* U+0080 to U+009F are control characters too: U+009B begins a sequence as ESC [ does */
                bool c1 = (unsigned char)s[i] == 0xc2 && (unsigned char)s[i + 1] >= 0x80 &&
                          (unsigned char)s[i + 1] < 0xa0;
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f || c1) {
                        conf_fail(at, node, "must be one line without control characters");
                        return false;
                }
        }
        if (info->max > 0 && n > (size_t)info->max) {
                conf_fail(at, node, "longer than %lld bytes", (long long)info->max);
                return false;
        }
        *(char **)member = xstrndup(s, n);
        return true;
}

/* $NAME or ${NAME} as the first part of a path: always a shell's habit, never the folder that is meant.
 * DASH stands before the path where it is optional. */
static bool begins_with_variable(struct conf_at *at, const struct conf_node *node, const char *s,
                                 const char *dash)
{
        bool braces = str_starts(s, "${");
        const char *name = s + 1 + braces;
        size_t n = s[0] == '$' ? conf_var_length(name) : 0;
        const char *rest = name + n + braces;
        if (n == 0 || (braces && name[n] != '}') || (*rest && *rest != '/'))
                return false;
        int shown = (int)(rest - s);
        rest += strspn(rest, "/");
        if (n != 4 || strncmp(name, "HOME", n) != 0)
                conf_fail(at, node,
                          "%.*s is not expanded here (write the path itself; if a folder is really "
                          "called that, begin with %s./)",
                          shown, s, dash);
        else if (*rest)
                conf_fail(at, node,
                          "%.*s is not expanded here (a relative path starts at the home folder: "
                          "write %s%s)",
                          shown, s, dash, rest);
        else
                conf_fail(at, node, "%.*s is not expanded here (write ~ for the home folder)",
                          shown, s);
        return true;
}

/* An absolute path without a trailing slash, or NULL after a message. */
static char *resolve(struct conf_at *at, const struct conf_node *node, const char *s,
                     const char *dash)
{
        if (*s == '\0' || strlen(s) > 4095) {
                conf_fail(at, node, *s ? "the path is too long" : "the path is empty");
                return NULL;
        }
        if (s[0] == '~' && s[1] != '\0' && s[1] != '/') {
                conf_fail(at, node,
                          "~ with a user's name is not possible here (write the whole path)");
                return NULL;
        }
        if (begins_with_variable(at, node, s, dash))
                return NULL;
        bool home = s[0] == '~';
        s += home;
        while (home && *s == '/')
                s++;
        char *path = *s ? path_join(at->conf->home, s) : xstrdup(at->conf->home);
        size_t n = strlen(path);
        while (n > 1 && path[n - 1] == '/')
                path[--n] = '\0';
        return path;
}

static bool read_path(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, void *member)
{
        /* A plain ~ is null to YAML, and the home folder to everyone who writes it as a path. */
        bool tilde = node->kind == CONF_SCALAR && strcmp(node->value, "~") == 0;
        const char *s = tilde ? node->value : scalar(at, info, node);
        char *path = s ? resolve(at, node, s, "") : NULL;
        if (path)
                *(char **)member = path;
        return path != NULL;
}

static bool read_bool(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, void *member)
{
        static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (strcasecmp(s, words[i]) != 0)
                        continue;
                if (!node->plain)
                        return wrong(at, info, node, "remove the quotes");
                return store(at, info, node, (int64_t)(i % 2), member);
        }
        return wrong(at, info, node, NULL);
}

/* A decimal number, strictly: 0, or digits of which the first is not 0, with - before it. */
static int parse_int(const char *s, int64_t *ret)
{
        const char *digits = s + (*s == '-');
        size_t n = strlen(digits);
        if (n == 0 || strspn(digits, "0123456789") != n || (digits[0] == '0' && n > 1))
                return -EINVAL;
        errno = 0;
        int64_t v = strtoll(s, NULL, 10);
        if (errno)
                return -ERANGE;
        *ret = v;
        return 0;
}

static bool read_number(struct conf_at *at, const struct conf_setting_info *info,
                        const struct conf_node *node, int64_t *ret)
{
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        int r = parse_int(s, ret);
        if (r == 0 && node->plain)
                return true;
        if (r == 0)
                return wrong(at, info, node, "remove the quotes");
        if (r == -ERANGE)
                return too_large(at, node);
        bool zeros = s[0] == '0' && strspn(s, "0123456789") == strlen(s);
        _cleanup_free_ char *hint = zeros ? xasprintf("write %s, without zeros before it",
                                                      s + MIN(strspn(s, "0"), strlen(s) - 1))
                                          : NULL;
        return wrong(at, info, node, hint);
}

static bool read_int(struct conf_at *at, const struct conf_setting_info *info,
                     const struct conf_node *node, void *member)
{
        int64_t v;
        return read_number(at, info, node, &v) && store(at, info, node, v, member);
}

/* What was probably meant: without blanks, in the right case, without the B of MB. Caller frees. */
static char *normalised(const char *s, bool upper)
{
        struct strbuf b = {0};
        for (; *s && b.n < 40; s++)
                if (!isblank((unsigned char)*s))
                        strbuf_addc(&b, (char)(upper ? toupper((unsigned char)*s)
                                                     : tolower((unsigned char)*s)));
        while (upper && b.n > 1 && strchr("BI", b.s[b.n - 1]))
                b.s[--b.n] = '\0';
        return strbuf_take(&b);
}

static bool read_duration(struct conf_at *at, const struct conf_setting_info *info,
                          const struct conf_node *node, void *member)
{
        int64_t v = 0;
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        int r = conf_parse_duration(s, &v);
        if (r == 0)
                return store(at, info, node, v, member);
        if (r == -ERANGE)
                return too_large(at, node);
        _cleanup_free_ char *guess = normalised(s, false);
        bool unit = guess[0] && !isdigit((unsigned char)guess[strlen(guess) - 1]);
        _cleanup_free_ char *seconds = xasprintf("%s%s", guess, unit ? "" : "s");
        const char *meant = conf_parse_duration(guess, &v) == 0     ? guess
                            : conf_parse_duration(seconds, &v) == 0 ? seconds
                                                                    : NULL;
        _cleanup_free_ char *hint = meant ? xasprintf("write %s?", meant) : NULL;
        return wrong(at, info, node, hint);
}

static bool read_size(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, void *member)
{
        int64_t v = 0;
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        int r = conf_parse_size(s, &v);
        if (r == 0)
                return store(at, info, node, v, member);
        if (r == -ERANGE)
                return too_large(at, node);
        _cleanup_free_ char *guess = normalised(s, true);
        bool meant = conf_parse_size(guess, &v) == 0;
        _cleanup_free_ char *hint = meant ? xasprintf("write %s?", guess) : NULL;
        return wrong(at, info, node, hint);
}

static bool read_percent(struct conf_at *at, const struct conf_setting_info *info,
                         const struct conf_node *node, void *member)
{
        int64_t v;
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        size_t n = strlen(s);
        _cleanup_free_ char *digits = xstrndup(s, n > 0 && s[n - 1] == '%' ? n - 1 : n);
        int r = parse_int(digits, &v);
        if (r == -ERANGE)
                return too_large(at, node);
        if (r == 0 && digits[0] != '\0' && s[n - 1] == '%')
                return store(at, info, node, v, member);
        _cleanup_free_ char *hint = r == 0 ? xasprintf("write %s%%?", digits) : NULL;
        return wrong(at, info, node, hint);
}

static bool read_octal(struct conf_at *at, const struct conf_setting_info *info,
                       const struct conf_node *node, void *member)
{
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        const char *digits = str_starts(s, "0o") ? s + 2 : s; /* as YAML 1.2 writes it */
        size_t n = strlen(digits);
        if (n == 0 || strspn(digits, "01234567") != n)
                return wrong(at, info, node, NULL);
        if (n > 20)
                return too_large(at, node);
        return store(at, info, node, strtoll(digits, NULL, 8), member);
}

/* Signals that neither end a process nor are a message to it. */
static bool useless_signal(struct conf_at *at, const struct conf_setting_info *info,
                           const struct conf_node *node, int signo)
{
        static const struct {
                int signo;
                const char *what;
        } useless[] = {
            {SIGSTOP, "only pauses a process"},
            {SIGTSTP, "only pauses a process"},
            {SIGTTIN, "only pauses a process"},
            {SIGTTOU, "only pauses a process"},
            {SIGCONT, "only lets a paused process go on"},
            {SIGCHLD, "only says that a child process has ended"},
        };
        bool stop = info == &conf_settings[SETTING_stop_signal];
        for (size_t i = 0; i < ARRAY_SIZE(useless); i++) {
                if (useless[i].signo != signo)
                        continue;
                conf_fail(at, node, "%s %s (use one that %s, such as %s)", conf_signal_name(signo),
                          useless[i].what,
                          stop ? "ends the program" : "makes the program reload or end",
                          stop ? "TERM, INT or QUIT" : "HUP, USR1 or TERM");
                return true;
        }
        if (stop || signo != SIGKILL)
                return false;
        conf_fail(at, node,
                  "KILL cannot be caught, so that nothing can reload or end in good order (to "
                  "replace the process, use: svcctl restart --replace NAME)");
        return true;
}

static bool read_signal(struct conf_at *at, const struct conf_setting_info *info,
                        const struct conf_node *node, void *member)
{
        int signo;
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        if (conf_parse_signal(s, &signo) < 0)
                return wrong(at, info, node, NULL);
        if (useless_signal(at, info, node, signo))
                return false;
        return store(at, info, node, signo, member);
}

static bool read_enum(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, void *member)
{
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        const char *names[8];
        size_t n = 0;
        _cleanup_free_ char *words = xstrdup(info->aux);
        char *save = NULL;
        for (char *w = strtok_r(words, " ", &save); w && n < ARRAY_SIZE(names);
             w = strtok_r(NULL, " ", &save)) {
                if (strcmp(w, s) == 0)
                        return store(at, info, node, (int64_t)n, member);
                names[n++] = w;
        }
        struct strbuf list = {0};
        for (size_t i = 0; i < n; i++)
                strbuf_addf(&list, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", names[i]);
        const char *meant = diag_suggest(s, names, n);
        _cleanup_free_ char *have = found(node);
        conf_fail(at, node, "expected %s, not %s%s%s%s", list.s, have,
                  meant ? " (did you mean \"" : "", meant ? meant : "", meant ? "\"?)" : "");
        strbuf_done(&list);
        return false;
}

static bool read_port(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, void *member)
{
        if (node->kind == CONF_SCALAR && strcmp(node->value, "auto") == 0) {
                *(struct conf_int *)member = (struct conf_int){.v = CONF_PORT_AUTO, .set = true};
                return true;
        }
        return read_int(at, info, node, member);
}

/* A list of words, each a scalar as it was written. */
static bool read_words(struct conf_at *at, const struct conf_setting_info *info,
                       const struct conf_node *node, struct strv *ret)
{
        bool ok = true;
        for (size_t i = 0; i < node->n; i++) {
                const struct conf_node *item = node->list[i];
                if (conf_node_null(item)) {
                        conf_fail(at, item,
                                  "an empty item in the list (write \"\" for an empty word)");
                        ok = false;
                } else if (item->kind != CONF_SCALAR) {
                        _cleanup_free_ char *have = found(item);
                        conf_fail(at, item, "expected a word in the list, not %s", have);
                        ok = false;
                } else {
                        const char *s = scalar(at, info, item);
                        ok = ok && s;
                        if (s && strlen(s) > CONF_WORD_MAX) {
                                conf_fail(at, item, "longer than %u bytes", CONF_WORD_MAX);
                                ok = false;
                        } else if (s) {
                                strv_add(ret, s);
                        }
                }
        }
        return ok;
}

static bool read_command_list(struct conf_at *at, const struct conf_setting_info *info,
                              const struct conf_node *node, struct conf_command *ret)
{
        struct conf_command c = {.list = true};
        bool ok = read_words(at, info, node, &c.argv);
        if (ok && (c.argv.n == 0 || c.argv.v[0][0] == '\0')) {
                conf_fail(at, node, "the command is empty");
                ok = false;
        }
        if (!ok) {
                conf_command_done(&c);
                return false;
        }
        struct strbuf text = {0};
        for (size_t i = 0; i < c.argv.n; i++) {
                if (i)
                        strbuf_addc(&text, ' ');
                conf_quote_word(&text, c.argv.v[i]);
        }
        c.text = strbuf_take(&text);
        *ret = c;
        return true;
}

static bool read_command(struct conf_at *at, const struct conf_setting_info *info,
                         const struct conf_node *node, void *member)
{
        const char *error = NULL;
        if (node->kind == CONF_LIST)
                return read_command_list(at, info, node, member);
        const char *s = scalar(at, info, node);
        if (!s)
                return false;
        if (conf_command_parse(s, member, &error) < 0) {
                conf_fail(at, node, "%s", error);
                return false;
        }
        return true;
}

static bool count_ok(struct conf_at *at, const struct conf_setting_info *info,
                     const struct conf_node *node, size_t max)
{
        if (node->kind != CONF_LIST || node->n <= max)
                return true;
        conf_fail(at, node, "more than %zu items in the list", max);
        (void)info;
        return false;
}

static bool read_paths(struct conf_at *at, const struct conf_setting_info *info,
                       const struct conf_node *node, void *member)
{
        struct strv words = {0}, paths = {0};
        bool ok = count_ok(at, info, node, (size_t)info->max);
        if (ok && node->kind == CONF_LIST) {
                ok = read_words(at, info, node, &words);
        } else if (ok) {
                const char *s = scalar(at, info, node);
                ok = s != NULL;
                if (s)
                        strv_add(&words, s);
        }
        for (size_t i = 0, n = ok ? words.n : 0; i < n; i++) {
                bool optional = words.v[i][0] == '-';
                const struct conf_node *item = node->kind == CONF_LIST ? node->list[i] : node;
                char *path = resolve(at, item, words.v[i] + optional, optional ? "-" : "");
                ok &= path != NULL;
                if (path)
                        strv_take(&paths, optional ? xasprintf("-%s", path) : xstrdup(path));
                free(path);
        }
        strv_done(&words);
        if (ok)
                *(struct strv *)member = paths;
        else
                strv_done(&paths);
        return ok;
}

/* Lists are not guessed from a single word: one day it would be a map. */
static bool list_only(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node)
{
        if (node->kind == CONF_LIST)
                return true;
        if (conf_node_null(node) || node->kind == CONF_MAP || node->nul ||
            strlen(node->value) > 40) {
                wrong(at, info, node, conf_node_null(node) ? "write [] for none" : NULL);
                return false;
        }
        _cleanup_free_ char *hint = xasprintf("write [%s]", node->value);
        return wrong(at, info, node, hint);
}

static bool read_names(struct conf_at *at, const struct conf_setting_info *info,
                       const struct conf_node *node, void *member)
{
        struct strv names = {0};
        if (!list_only(at, info, node) || !count_ok(at, info, node, (size_t)info->max))
                return false;
        bool ok = read_words(at, info, node, &names);
        for (size_t i = 0, n = ok ? names.n : 0; i < n; i++) {
                bool twice = false;
                if (!conf_name_ok(names.v[i])) {
                        conf_fail(at, node->list[i], "\"%.80s\" is not the name of a service",
                                  names.v[i]);
                        ok = false;
                }
                for (size_t k = 0; !twice && k < i; k++)
                        twice = strcmp(names.v[i], names.v[k]) == 0;
                if (twice && conf_name_ok(names.v[i]))
                        conf_fail(at, node->list[i], "%s is in the list twice", names.v[i]);
                ok &= !twice;
        }
        if (ok)
                *(struct strv *)member = names;
        else
                strv_done(&names);
        return ok;
}

/* One address. NAME: NULL in a list. */
static bool read_socket(struct conf_at *at, const struct conf_setting_info *info,
                        const struct conf_node *node, const char *name, struct conf_sockets *ret)
{
        struct conf_socket s = {0};
        const char *text = scalar(at, info, node);
        if (!text)
                return false;
        if (strchr(text, '/')) {
                char *path = resolve(at, node, text, "");
                if (path && strlen(path) > CONF_SOCKET_PATH_MAX) {
                        conf_fail(at, node, "the path of a socket may have %d bytes at most",
                                  CONF_SOCKET_PATH_MAX);
                        free(path);
                        path = NULL;
                }
                if (!path)
                        return false;
                conf_socket_path(path, &s);
        } else {
                _cleanup_free_ char *error = NULL;
                if (conf_socket_parse(text, &s, &error) < 0) {
                        conf_fail(at, node, "%s", error);
                        return false;
                }
        }
        conf_sockets_add(ret, name, &s);
        return true;
}

static bool read_named_socket(struct conf_at *at, const struct conf_setting_info *info,
                              const struct conf_pair *pair, struct conf_sockets *ret)
{
        const struct conf_node *key = pair->key;
        if (pair->first)
                conf_fail(at, key, "given twice (first at line %d)", pair->first->line);
        else if (key->nul || !conf_socket_name_ok(key->value))
                conf_fail(at, key, "not a valid name of a socket (letters, digits, . _ -)");
        else
                return read_socket(at, info, pair->value, key->value, ret);
        return false;
}

static bool read_sockets(struct conf_at *at, const struct conf_setting_info *info,
                         const struct conf_node *node, void *member)
{
        struct conf_sockets l = {0};
        bool ok = true;
        if (node->kind != CONF_MAP && !list_only(at, info, node))
                return false;
        if (node->n > (size_t)info->max) {
                conf_fail(at, node, "more than %lld sockets", (long long)info->max);
                return false;
        }
        for (size_t i = 0; i < node->n; i++) {
                size_t before = l.n;
                ok &= node->kind == CONF_MAP ? read_named_socket(at, info, &node->map[i], &l)
                                             : read_socket(at, info, node->list[i], NULL, &l);
                for (size_t k = 0; l.n > before && k < before; k++) {
                        if (!conf_socket_overlap(&l.v[k], &l.v[before]))
                                continue;
                        conf_fail(at, node->kind == CONF_MAP ? node->map[i].value : node->list[i],
                                  "%s and %s cannot be listened on at the same time",
                                  l.v[k].address, l.v[before].address);
                        ok = false;
                }
        }
        if (ok)
                *(struct conf_sockets *)member = l;
        else
                conf_sockets_done(&l);
        return ok;
}

static bool read_ints(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, void *member)
{
        struct conf_ints ints = {0};
        struct conf_setting_info one = *info;
        one.type = CONF_INT;
        if (!list_only(at, info, node) || !count_ok(at, info, node, LIST_MAX))
                return false;
        bool ok = true;
        for (size_t i = 0; i < node->n; i++) {
                struct conf_int v = {0};
                bool good = read_int(at, &one, node->list[i], &v);
                for (size_t k = 0; good && k < ints.n; k++) {
                        if (ints.v[k] == v.v) {
                                conf_fail(at, node->list[i], "%lld is in the list twice",
                                          (long long)v.v);
                                good = false;
                        }
                }
                ok &= good;
                GROW(ints.v, ints.n, ints.cap);
                ints.v[ints.n++] = v.v;
        }
        if (ok)
                *(struct conf_ints *)member = ints;
        else
                free(ints.v);
        return ok;
}

static bool read_flags(struct conf_at *at, const struct conf_setting_info *info,
                       const struct conf_node *node, void *member)
{
        struct conf_int flags = {.set = true};
        struct conf_setting_info one = *info;
        bool ok = true;
        one.type = CONF_ENUM;
        if (!list_only(at, info, node) || !count_ok(at, info, node, LIST_MAX))
                return false;
        for (size_t i = 0; i < node->n; i++) {
                struct conf_int v = {0};
                bool good = read_enum(at, &one, node->list[i], &v);
                if (good && (flags.v & INT64_C(1) << v.v)) {
                        conf_fail(at, node->list[i], "%s is in the list twice",
                                  node->list[i]->value);
                        good = false;
                }
                if (good)
                        flags.v |= INT64_C(1) << v.v;
                ok &= good;
        }
        if (ok)
                *(struct conf_int *)member = flags;
        return ok;
}

/* One address, written plainly. It becomes a header of a mail: whatever could end an address there, or
 * begin something else, is refused, although some of it would be allowed in a quoted local part. */
static bool read_email(struct conf_at *at, const struct conf_setting_info *info,
                       const struct conf_node *node, void *member)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.!#$%&'*+/=?^_`{|}~-@";
        const char *s = scalar(at, info, node), *domain = s ? strchr(s, '@') : NULL;
        if (!s)
                return false;
        if (!domain || domain == s || !domain[1] || strchr(domain + 1, '@') || s[0] == '-' ||
            strspn(s, allowed) != strlen(s))
                return wrong(at, info, node, NULL);
        if (strlen(s) > (size_t)info->max) {
                conf_fail(at, node, "longer than %lld bytes", (long long)info->max);
                return false;
        }
        *(char **)member = xstrdup(s);
        return true;
}

static bool read_environment(struct conf_at *at, const struct conf_setting_info *info UNUSED,
                             const struct conf_node *node, void *member)
{
        struct conf_env env = {0}, *ret = member;
        bool ok = conf_env_read(at, node, &env);
        conf_env_done(ret); /* left from defaults of another file that were not understood */
        *ret = env;
        return ok;
}

static bool read_checks(struct conf_at *at, const struct conf_setting_info *info,
                        const struct conf_node *node, void *member)
{
        return list_only(at, info, node) && count_ok(at, info, node, (size_t)info->max) &&
               conf_checks_read(at, info, node, member);
}

static read_fn *const readers[] = {
    [CONF_STRING] = read_string,     [CONF_PATH] = read_path,
    [CONF_BOOL] = read_bool,         [CONF_INT] = read_int,
    [CONF_DURATION] = read_duration, [CONF_SIZE] = read_size,
    [CONF_PERCENT] = read_percent,   [CONF_OCTAL] = read_octal,
    [CONF_SIGNAL] = read_signal,     [CONF_ENUM] = read_enum,
    [CONF_FLAGS] = read_flags,       [CONF_EMAIL] = read_email,
    [CONF_COMMAND] = read_command,   [CONF_PATHS] = read_paths,
    [CONF_PORT] = read_port,         [CONF_SOCKETS] = read_sockets,
    [CONF_NAMES] = read_names,       [CONF_INTS] = read_ints,
    [CONF_CHECKS] = read_checks,     [CONF_ENVIRONMENT] = read_environment,
};

bool conf_value_read(struct conf_at *at, const struct conf_setting_info *info,
                     const struct conf_node *node, void *member)
{
        return readers[info->type](at, info, node, member);
}

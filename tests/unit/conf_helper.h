/* conf_helper: for tests of the configuration: definitions from a string, messages as text. */
#ifndef SVCD_TESTS_UNIT_CONF_HELPER_H
#define SVCD_TESTS_UNIT_CONF_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conf.h"

#define HELPER_HOME "/home/alice"

struct loaded {
        struct conf *conf;
        struct diag diag;
};

static inline void helper_write(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0600), 0);
}

/* Loads TEXT as the file services.yaml of a folder that is gone afterwards. */
static inline struct loaded helper_load(const char *text)
{
        char folder[] = "/tmp/svcd-conf-XXXXXX";
        struct loaded l = {0};
        struct strv files = {0};
        assert_non_null(mkdtemp(folder));
        strv_take(&files, xasprintf("%s/services.yaml", folder));
        helper_write(files.v[0], text);
        l.conf = conf_load_files(&files, HELPER_HOME, NULL, &l.diag);
        assert_non_null(l.conf);
        assert_int_equal(unlink(files.v[0]), 0);
        assert_int_equal(rmdir(folder), 0);
        strv_done(&files);
        return l;
}

static inline void helper_done(struct loaded *l)
{
        conf_unref(l->conf);
        diag_done(&l->diag);
        *l = (struct loaded){0};
}

/* All messages, one a line, each from LINE:COLUMN on; names of folders are cut out. Caller frees. */
static inline char *helper_messages(const struct diag *d)
{
        struct strbuf b = {0};
        for (size_t i = 0; i < d->n; i++) {
                char *line = diag_line(&d->v[i]);
                for (char *p; (p = strstr(line, "/tmp/svcd-conf-"));) {
                        char *end = strchr(p + strlen("/tmp/svcd-conf-"), '/');
                        assert_non_null(end);
                        memmove(p, end + 1, strlen(end + 1) + 1);
                }
                const char *s = str_starts(line, "services.yaml:") ? line + 14 : line;
                strbuf_addf(&b, "%s%s", b.n ? "\n" : "", s);
                free(line);
        }
        return strbuf_take(&b);
}

static inline const struct conf_service *helper_service(const struct loaded *l, const char *name)
{
        const struct conf_service *s = conf_find(l->conf, name);
        if (!s)
                fail_msg("there is no service %s", name);
        return s;
}

static inline const struct conf_service *helper_valid(const struct loaded *l, const char *name)
{
        const struct conf_service *s = helper_service(l, name);
        if (!s->valid)
                fail_msg("%s is invalid: %s", name, s->error);
        return s;
}

/* A setting as it is printed is TEXT (NULL: not set). */
static inline void helper_prints(const struct conf_service *s, enum conf_setting setting,
                                 const char *text)
{
        char *printed = conf_print(s, setting);
        if (!str_eq(printed, text))
                fail_msg("%s of %s is %s, expected %s", conf_settings[setting].path, s->name,
                         printed ? printed : "not set", text ? text : "not set");
        free(printed);
}

/* Loads TEXT and compares all messages. */
static inline void helper_expect(const char *text, const char *messages)
{
        struct loaded l = helper_load(text);
        char *got = helper_messages(&l.diag);
        if (strcmp(got, messages) != 0)
                fail_msg("for\n%s\nexpected\n%s\ngot\n%s", text, messages, got);
        free(got);
        helper_done(&l);
}

#endif

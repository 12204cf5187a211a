/* conf_good.c: what stays in force of definitions that were good, where it is not known what the files say now: values
 * of the account, and that a file has something for all services. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>

const char *const conf_section_keys[CONF_SECTIONS] = {
    [CONF_SECTION_DEFAULTS] = "defaults",
    [CONF_SECTION_ENVIRONMENT] = "environment",
};

void conf_said_by(struct conf *c, enum conf_section section, const char *file)
{
        if (!strv_has(&c->said_by[section], file))
                strv_add(&c->said_by[section], file);
}

static bool is_said(const struct conf_origin *origin)
{
        return origin->source == CONF_FROM_SERVICE || origin->source == CONF_FROM_LAST_GOOD;
}

static struct conf_origin last_good(struct conf *c, const char *file)
{
        return (struct conf_origin){.source = CONF_FROM_LAST_GOOD,
                                    .place = {.file = conf_intern(c, file)}};
}

/* ---- `from` of a file that svcd wrote ---- */

static void read_what(struct conf *c, const char *file, const char *what)
{
        for (int i = 0; i < CONF_SECTIONS; i++)
                if (strcmp(conf_section_keys[i], what) == 0)
                        conf_said_by(c, (enum conf_section)i, file);
        for (int i = 0; i < ACCOUNT_COUNT; i++)
                if (strcmp(conf_account_settings[i].path, what) == 0 &&
                    is_said(&c->account.origin[i]))
                        c->account.origin[i] = last_good(c, file);
}

void conf_good_from(struct conf *c, const struct conf_node *node)
{
        for (size_t i = 0; node->kind == CONF_MAP && i < node->n; i++) {
                const struct conf_node *list = node->map[i].value;
                for (size_t k = 0; list->kind == CONF_LIST && k < list->n; k++)
                        if (list->list[k]->kind == CONF_SCALAR && !list->list[k]->nul)
                                read_what(c, node->map[i].key->value, list->list[k]->value);
        }
}

static void add_what(struct strbuf *b, const char *what, bool *any)
{
        strbuf_add(b, *any ? ", " : "[");
        strbuf_add(b, what);
        *any = true;
}

static void add_file(struct strbuf *b, const struct conf *c, const char *file)
{
        bool any = false;
        strbuf_add(b, "  ");
        conf_print_text(b, file);
        strbuf_add(b, ": ");
        for (int i = 0; i < CONF_SECTIONS; i++)
                if (strv_has(&c->said_by[i], file))
                        add_what(b, conf_section_keys[i], &any);
        for (int i = 0; i < ACCOUNT_COUNT; i++)
                if (is_said(&c->account.origin[i]) && str_eq(c->account.origin[i].place.file, file))
                        add_what(b, conf_account_settings[i].path, &any);
        strbuf_add(b, "]\n");
}

/* The files that there is something to say of. */
static void files_of(const struct conf *c, struct strv *ret)
{
        for (int i = 0; i < CONF_SECTIONS; i++)
                for (size_t k = 0; k < c->said_by[i].n; k++)
                        if (!strv_has(ret, c->said_by[i].v[k]))
                                strv_add(ret, c->said_by[i].v[k]);
        for (int i = 0; i < ACCOUNT_COUNT; i++) {
                const char *file = c->account.origin[i].place.file;
                if (is_said(&c->account.origin[i]) && file && !strv_has(ret, file))
                        strv_add(ret, file);
        }
}

void conf_good_print_from(struct strbuf *b, const struct conf *c)
{
        _cleanup_strv_ struct strv files = {0};
        files_of(c, &files);
        strbuf_add(b, files.n ? "from:\n" : "");
        for (size_t i = 0; i < files.n; i++)
                add_file(b, c, files.v[i]);
}

/* ---- keeping it ---- */

/* FILE has said something for all services, and nobody can read it now. */
static void keep_section(struct conf_parse *p, enum conf_section section, const char *file)
{
        struct conf *c = p->conf;
        if (!conf_broken(c, file) || strv_has(&c->said_by[section], file))
                return;
        conf_said_by(c, section, file);
        conf_doubt_section(p, conf_section_keys[section]);
        if (!p->poison)
                p->poison = xasprintf("%s: cannot be used, and its \"%s\" are for this service too",
                                      file, conf_section_keys[section]);
}

/* What is gone when a svcd begins was not taken away by a reload: as services do, it goes on until the next one. */
static bool is_unknown(const struct conf_parse *p, const char *file)
{
        return conf_broken(p->conf, file) || (p->good->left && !strv_has(&p->conf->files, file));
}

static bool is_lost(const struct conf_parse *p, int i)
{
        const struct conf_origin *was = &p->good->account.origin[i];
        /* of what svcd wrote itself, the rest is the policy's */
        if (!is_said(was) || (p->good->unjudged && was->source != CONF_FROM_LAST_GOOD))
                return false;
        return p->unsure[i] || (p->conf->account.origin[i].source == CONF_FROM_BUILTIN &&
                                is_unknown(p, was->place.file));
}

static void keep_value(struct conf_parse *p, enum conf_account_setting s)
{
        const struct conf_setting_info *info = &conf_account_settings[s];
        void *member = conf_account_member(p->conf, s);
        _cleanup_free_ char *text = conf_print_account(p->good, s);
        conf_value_done(info, member);
        if (text)
                conf_read_text(p, info, text, member);
        p->conf->account.origin[s] = last_good(p->conf, p->good->account.origin[s].place.file);
}

static void say_kept(struct conf_parse *p, const char *file)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        for (int i = 0; i < ACCOUNT_COUNT; i++) {
                const struct conf_origin *origin = &p->conf->account.origin[i];
                if (origin->source == CONF_FROM_LAST_GOOD && str_eq(origin->place.file, file))
                        strbuf_addf(&b, "%s%s", b.n ? ", " : "", conf_account_settings[i].path);
        }
        if (b.n)
                diag_add(p->diag, DIAG_WARNING, file, 0, 0, NULL, NULL,
                         "what it said of the account when it was last good stays in force: %s",
                         b.s);
}

void conf_good_keep(struct conf_parse *p)
{
        _cleanup_strv_ struct strv files = {0};
        if (!p->good)
                return;
        for (int i = 0; i < CONF_SECTIONS; i++)
                for (size_t k = 0; k < p->good->said_by[i].n; k++)
                        keep_section(p, (enum conf_section)i, p->good->said_by[i].v[k]);
        for (int i = 0; i < ACCOUNT_COUNT; i++)
                if (is_lost(p, i))
                        keep_value(p, (enum conf_account_setting)i);
        files_of(p->conf, &files);
        for (size_t i = 0; i < files.n; i++)
                say_kept(p, files.v[i]);
}

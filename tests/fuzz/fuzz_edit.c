/* fuzz_edit: any bytes as definitions that svcctl changes: every service is removed and renamed, settings are set
 * and taken away, one is added. What must hold: a change is refused, or what comes out is read as the same
 * definitions with that change; and the text outside of the service is the same, byte for byte. */
#include "ctl/yamledit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/conf_text.h"

#define SERVICES_MAX 6 /* of an input: more say nothing more */

/* One change under test. */
struct trial {
        const char *text;
        size_t n;
        const struct conf *before;
        const char *name; /* of the service */
        int setting;      /* that changes; -1: all of it */
        const char *value;
};

/* The account, and every service but the one that changes. */
static void check_others(const struct trial *t, const struct conf *after, const char *text)
{
        fuzz_require(conf_same_account(t->before, after), "the account has changed", text);
        for (size_t i = 0; i < t->before->n; i++) {
                const struct conf_service *a = t->before->services[i];
                const struct conf_service *b = conf_find(after, a->name);
                if (strcmp(a->name, t->name) == 0)
                        continue;
                fuzz_require(b != NULL, "another service is gone", text);
                for (size_t s = 0; a->valid && b->valid && s < SETTING_COUNT; s++)
                        fuzz_require(conf_same(a, b, (enum conf_setting)s) || s == SETTING_requires,
                                     "another service has changed", text);
        }
}

static void check_setting(const struct trial *t, const struct conf *after, const char *text)
{
        const struct conf_service *a = conf_find(t->before, t->name),
                                  *b = conf_find(after, t->name);
        fuzz_require(b != NULL, "the service is gone", text);
        for (size_t s = 0; a->valid && b->valid && s < SETTING_COUNT; s++) {
                /* its default follows from others */
                bool follows = s == SETTING_ready || s == SETTING_restart_max_delay;
                if (t->setting < 0 || (int)s == t->setting || follows)
                        continue;
                fuzz_require(conf_same(a, b, (enum conf_setting)s), conf_settings[s].path, text);
        }
        if (!b->valid || t->setting < 0 || !t->value)
                return;
        char *printed = conf_print(b, (enum conf_setting)t->setting);
        fuzz_require(str_eq(printed, t->value), "it has another value", text);
        free(printed);
}

/* What stands before the service's first line and behind its last one is what stood there. */
static void check_bytes(const struct trial *t, const struct ynode *key, const struct ynode *value,
                        const struct strbuf *now)
{
        size_t begin = key->begin, end = MAX(key->end, value->end);
        while (begin > 0 && t->text[begin - 1] != '\n')
                begin--;
        while (begin > 0 && strchr(" \t\r\n", t->text[begin - 1]))
                begin--;
        while (end < t->n && t->text[end] != '\n') /* a comment behind it */
                end++;
        const char *rest = t->text + end, *newline;
        /* comments that go with it, and an empty line */
        while ((newline = strchr(rest, '\n')) &&
               strchr("#\r\n", newline[1 + strspn(newline + 1, " \t")]))
                rest = newline + 1;
        rest += strcspn(rest, "\n");
        size_t behind = strlen(rest);
        fuzz_require(now->n >= begin && memcmp(now->s, t->text, begin) == 0,
                     "text before the service has changed", now->s);
        fuzz_require(behind == 0 || (now->n >= behind && str_ends(now->s, rest)),
                     "text behind the service has changed", now->s);
}

enum op { OP_SET, OP_UNSET, OP_REMOVE, OP_RENAME };

static int apply(struct yedit *e, enum op op, const struct trial *t, const char *const *path,
                 size_t depth)
{
        const struct yedit_value value = {.text = t->value};
        switch (op) {
        case OP_SET:
                return yedit_set(e, path, depth, &value,
                                 strcmp(path[2], "restart") == 0 ? "policy" : NULL);
        case OP_UNSET:
                return yedit_remove(e, path, depth, 2);
        case OP_REMOVE:
                return yedit_remove(e, path, 2, 2);
        default:
                return yedit_rename(e, path, 2, "renamed-by-fuzz");
        }
}

static void try(enum op op, const struct trial *t, const char *group, const char *key)
{
        struct yedit e;
        struct strbuf now = {0};
        struct diag diag = {0};
        const char *path[] = {"services", t->name, group ? group : key, key};
        if (yedit_init(&e, t->text, t->n) == 0 && apply(&e, op, t, path, group ? 4 : 3) == 0 &&
            yedit_finish(&e, &now) == 0) {
                const char *text = now.s ? now.s : "";
                struct conf *after = conf_from_text(text, now.n, &diag);
                const struct ynode *all = yedit_find(&e, path, 1);
                ssize_t i = all && all->kind == YNODE_MAP ? ynode_find(all, t->name) : -1;
                check_others(t, after, text);
                if (op == OP_SET || op == OP_UNSET)
                        check_setting(t, after, text);
                else
                        fuzz_require(!conf_find(after, t->name), "it is still there", text);
                if (i >= 0 && !all->flow && e.bom == 0 && now.n > 0)
                        check_bytes(t, all->v[i], all->v[i + 1], &now);
                conf_unref(after);
        } else {
                fuzz_require(e.why && *e.why, "refused without a reason", t->text);
        }
        diag_done(&diag);
        strbuf_done(&now);
        yedit_done(&e);
}

static void try_all(struct trial *t)
{
        static const struct {
                int setting;
                const char *group, *key, *value;
        } keys[] = {{SETTING_port, NULL, "port", "8444"},
                    {SETTING_annotation, NULL, "annotation", "\"a: [b] # c\""},
                    {SETTING_command, NULL, "command", "[a, b c]"},
                    {SETTING_restart_delay, "restart", "delay", "7s"},
                    {SETTING_restart_policy, "restart", "policy", "never"},
                    {SETTING_environment, "environment", "FUZZ", NULL},
                    {SETTING_limits_files, "limits", "files", "77"}};
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                t->setting = keys[i].setting;
                t->value = keys[i].value;
                if (t->value)
                        try(OP_SET, t, keys[i].group, keys[i].key);
                t->value = NULL;
                try(OP_UNSET, t, keys[i].group, keys[i].key);
        }
        t->setting = -1;
        try(OP_REMOVE, t, NULL, "");
        try(OP_RENAME, t, NULL, "");
}

static void try_add(struct trial *t)
{
        static const struct yedit_line lines[] = {{0, "command", "bin/new"},
                                                  {0, "log", NULL},
                                                  {1, "keep", "3"}};
        const struct yedit_value value = {.lines = lines, .n = ARRAY_SIZE(lines)};
        const char *path[] = {"services", "added-by-fuzz"};
        struct yedit e;
        struct strbuf now = {0};
        struct diag diag = {0};
        if (yedit_init(&e, t->text, t->n) == 0 && yedit_set(&e, path, 2, &value, NULL) == 0 &&
            yedit_finish(&e, &now) == 0) {
                struct conf *after = conf_from_text(now.s, now.n, &diag);
                t->name = "added-by-fuzz";
                check_others(t, after, now.s);
                const struct conf_service *s = conf_find(after, t->name);
                fuzz_require(s != NULL || after->broken.n > 0 || t->before->n >= CONF_SERVICES_MAX,
                             "it is not there", now.s);
                if (s && s->valid)
                        fuzz_require(str_eq(s->command.text, "bin/new") && s->log_keep.v == 3,
                                     "it is another one", now.s);
                conf_unref(after);
        }
        diag_done(&diag);
        strbuf_done(&now);
        yedit_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = xmalloc(size + 1);
        struct diag diag = {0};
        memcpy(text, data, size);
        text[size] = '\0';
        if (strlen(text) == size) {
                struct conf *before = conf_from_text(text, size, &diag);
                struct trial t = {.text = text, .n = size, .before = before};
                /* one that cannot be read as a whole is not changed */
                for (size_t i = 0; before->broken.n == 0 && i < MIN(before->n, SERVICES_MAX); i++) {
                        t.name = before->services[i]->name;
                        try_all(&t);
                }
                try_add(&t);
                conf_unref(before);
        }
        diag_done(&diag);
        free(text);
        return 0;
}

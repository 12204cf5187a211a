/* test_ctl_yamledit: changes of YAML texts as people write them, byte for byte; what is refused, and why. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/yamledit.h"

#define PATH_MAX_KEYS 8

/* "services/web/port" → keys. */
static size_t split(char *path, const char **keys)
{
        size_t n = 0;
        char *save = NULL;
        for (char *w = strtok_r(path, "/", &save); w; w = strtok_r(NULL, "/", &save)) {
                assert_true(n < PATH_MAX_KEYS);
                keys[n++] = w;
        }
        return n;
}

enum op { SET, SHORT, REMOVE, RENAME, ADD };

static int apply(struct yedit *e, enum op op, const char *path, const char *value)
{
        static const struct yedit_line lines[] = {{0, "command", "bin/new"},
                                                  {0, "environment", NULL},
                                                  {1, "A", "b"},
                                                  {0, "port", "8301"}};
        _cleanup_free_ char *copy = xstrdup(path);
        const char *keys[PATH_MAX_KEYS];
        size_t n = split(copy, keys);
        struct yedit_value v = {.text = value};
        switch (op) {
        case SET:
                return yedit_set(e, keys, n, &v, NULL);
        case SHORT:
                return yedit_set(e, keys, n, &v, "policy");
        case REMOVE:
                return yedit_remove(e, keys, n, 2);
        case RENAME:
                return yedit_rename(e, keys, n, value);
        default:
                v = (struct yedit_value){.lines = lines, .n = ARRAY_SIZE(lines)};
                return yedit_set(e, keys, n, &v, NULL);
        }
}

/* AFTER: NULL if the change is refused with WHY. */
static void change(enum op op, const char *before, const char *path, const char *value,
                   const char *after, const char *why)
{
        _cleanup_yedit_ struct yedit e = {0};
        _cleanup_strbuf_ struct strbuf b = {0};
        int r = yedit_init(&e, before, strlen(before));
        if (r == 0)
                r = apply(&e, op, path, value);
        if (r == 0)
                r = yedit_finish(&e, &b);
        const char *got = b.s ? b.s : "";
        if (after && (r < 0 || strcmp(got, after) != 0))
                fail_msg("%s of\n%s\nexpected\n%s\ngot %d %s\n%s", path, before, after, r,
                         e.why ? e.why : "", got);
        if (!after && (r >= 0 || !e.why || !strstr(e.why, why)))
                fail_msg("%s of\n%s\nexpected to be refused with \"%s\", got %d %s\n%s", path,
                         before, why, r, e.why ? e.why : "", got);
}

static void becomes(enum op op, const char *before, const char *path, const char *value,
                    const char *after)
{
        change(op, before, path, value, after, NULL);
}

static void refused(enum op op, const char *before, const char *path, const char *value,
                    const char *why)
{
        change(op, before, path, value, NULL, why);
}

static void test_a_value(void **state)
{
        (void)state;
        becomes(SET, "a:\n  p: 1 # why\n  q: 2\n", "a/p", "3", "a:\n  p: 3 # why\n  q: 2\n");
        becomes(SET, "a:\n  p:   'x'   # why\n", "a/p", "3", "a:\n  p:   3   # why\n");
        becomes(SET, "a:\n  p:\n  q: 2\n", "a/p", "3", "a:\n  p: 3\n  q: 2\n");
        becomes(SET, "a:\n  p:   # none yet\n  q: 2\n", "a/p", "3",
                "a:\n  p: 3   # none yet\n  q: 2\n");
        becomes(SET, "a:\n  p: x\n    y\n    z # end\n  q: 2\n", "a/p", "3",
                "a:\n  p: 3 # end\n  q: 2\n");
        becomes(SET, "a:\n  \"p\": \"x\n    y\"\n  q: 2", "a/p", "3", "a:\n  \"p\": 3\n  q: 2");
        becomes(SET, "p: !!str 1\nq: 2\n", "p", "3", "p: 3\nq: 2\n");
        becomes(SET, "p: &x 1\nq: 2\n", "p", "3", "p: 3\nq: 2\n");
        becomes(SET, "ä: 'ö'\np: 1\nü: \"€\" # 𝄞\n", "p", "3", "ä: 'ö'\np: 3\nü: \"€\" # 𝄞\n");
        becomes(SET, "ä: {ö: '€', p: 1, ü: 2}\n", "ä/p", "\"ß\"", "ä: {ö: '€', p: \"ß\", ü: 2}\n");
        becomes(SET, "\xef\xbb\xbfp: 1\n", "p", "3", "\xef\xbb\xbfp: 3\n");
        becomes(SET, "a:\r\n  p: 1\r\n  q: 2\r\n", "a/p", "3", "a:\r\n  p: 3\r\n  q: 2\r\n");
        becomes(SET, "p: 1", "p", "3", "p: 3");
        becomes(SET, "---\np: 1\n...\n", "p", "3", "---\np: 3\n...\n");
        becomes(SET, "{\"p\":1,\"q\":2}", "p", "3", "{\"p\":3,\"q\":2}");
        becomes(SET, "{p, q: 2}", "p", "3", "{p: 3, q: 2}");
        /* ": " in a value without quotes, as the loader takes it */
        becomes(SET, "command: x --bind :: --q: y\np: 1\n", "p", "3",
                "command: x --bind :: --q: y\np: 3\n");
        becomes(SET, "command: x --bind: y # why\np: 1\n", "command", "z",
                "command: z # why\np: 1\n");
}

static void test_a_block(void **state)
{
        (void)state;
        becomes(SET, "p: |\n  one\n  two\n\nq: 2\n", "p", "3", "p: 3\n\nq: 2\n");
        becomes(SET, "p: |+\n  one\n\nq: 2\n", "p", "3", "p: 3\n\nq: 2\n");
        becomes(SET, "p: >- # folded\n  one\n  two\n# below\nq: 2\n", "p", "3",
                "p: 3\n# below\nq: 2\n");
        becomes(SET, "p:\n  - a\n  - b # last\nq: 2\n", "p", "[x]", "p: [x] # last\nq: 2\n");
        becomes(SET, "p:\n- a\n- b\nq: 2\n", "p", "[x]", "p: [x]\nq: 2\n");
        becomes(SET, "p: # why\n  a: 1\n  # within\n  b: 2\nq: 2\n", "p", "{x: y}",
                "p: {x: y} # why\nq: 2\n");
        becomes(SET, "p:\n\n  # of a\n  a: 1\nq: 2\n", "p", "3", "p: 3\n\n  # of a\nq: 2\n");
}

static void test_a_new_key(void **state)
{
        (void)state;
        becomes(SET, "a:\n  q: 2\n", "a/p", "3", "a:\n  q: 2\n  p: 3\n");
        becomes(SET, "a:\n  q: 2", "a/p", "3", "a:\n  q: 2\n  p: 3\n");
        becomes(SET, "a:\n    q: 2 # why\n\n# of b\nb: 1\n", "a/p", "3",
                "a:\n    q: 2 # why\n    p: 3\n\n# of b\nb: 1\n");
        becomes(SET, "a:\n  q:\n    r: 1\n    # s: 2\n  # t: 1\nb: 1\n", "a/p", "3",
                "a:\n  q:\n    r: 1\n    # s: 2\n  p: 3\n  # t: 1\nb: 1\n");
        becomes(SET, "a:\n  q: |\n    text\n\n\nb: 1\n", "a/p", "3",
                "a:\n  q: |\n    text\n  p: 3\n\n\nb: 1\n");
        becomes(SET, "a:\n  q: |+\n    text\n\nb: 1\n", "a/p", "3",
                "a:\n  q: |+\n    text\n\n  p: 3\nb: 1\n");
        becomes(SET, "a:\r\n  q: 2\r\nb: 1\r\n", "a/p", "3", "a:\r\n  q: 2\r\n  p: 3\r\nb: 1\r\n");
        becomes(SET, "a:\n  q:\n", "a/p", "3", "a:\n  q:\n  p: 3\n");
        becomes(SET, "a:\n  q:\n    - x\n    - y\n", "a/p", "3",
                "a:\n  q:\n    - x\n    - y\n  p: 3\n");
        becomes(SET, "a: !!map\n  q: 1\n", "a/p", "3", "a: !!map\n  q: 1\n  p: 3\n");
        becomes(SET, "a: {q: 2}\n", "a/p", "3", "a: {q: 2, p: 3}\n");
        becomes(SET, "a: {q: 2,}\n", "a/p", "3", "a: {q: 2, p: 3,}\n");
        becomes(SET, "a: { q: 2 } # why\n", "a/p", "3", "a: { q: 2, p: 3 } # why\n");
        becomes(SET, "a: {}\n", "a/p", "3", "a: {p: 3}\n");
        becomes(SET, "a: {\n  q: 2, # why\n  r: 1 # too\n}\n", "a/p", "3",
                "a: {\n  q: 2, # why\n  r: 1, # too\n  p: 3\n}\n");
        becomes(SET, "a: {\r\n  q: 2,\r\n}\r\n", "a/p", "3", "a: {\r\n  q: 2,\r\n  p: 3,\r\n}\r\n");
        becomes(SET, "a:\n  q: {r: 1}\n", "a/q/p/x", "3", "a:\n  q: {r: 1, p: {x: 3}}\n");
        becomes(SET, "a:\n  q: 2\nb: 1\n", "a/p/x", "3", "a:\n  q: 2\n  p:\n    x: 3\nb: 1\n");
        becomes(SET, "a:\n    q: 2\n", "a/p/x", "3", "a:\n    q: 2\n    p:\n        x: 3\n");
        becomes(SET, "a:\n  q: # none\n  r: 1\n", "a/q/p", "3",
                "a:\n  q: # none\n    p: 3\n  r: 1\n");
        becomes(SET, "a:\n  q: ~ # none\n  r: 1\n", "a/q/p", "3",
                "a:\n  q: # none\n    p: 3\n  r: 1\n");
        becomes(SET, "a: {q: , r: 1}\n", "a/q/p", "3", "a: {q: {p: 3} , r: 1}\n");
        becomes(SET, "a: {q, r: 1}\n", "a/q/p", "3", "a: {q: {p: 3}, r: 1}\n");
        becomes(SET, "a:\n  <<: {q: 1}\n  r: 1\n", "a/q", "3",
                "a:\n  <<: {q: 1}\n  r: 1\n  q: 3\n");
        becomes(SET, "a:\n  q: 2\n", "a/on", "3", "a:\n  q: 2\n  \"on\": 3\n");
}

static void test_a_short_form(void **state)
{
        (void)state;
        becomes(SHORT, "a:\n  restart: never # why\n  q: 1\n", "a/restart/delay", "3s",
                "a:\n  restart:\n    policy: never # why\n    delay: 3s\n  q: 1\n");
        becomes(SHORT, "a:\n  restart: never", "a/restart/delay", "3s",
                "a:\n  restart:\n    policy: never\n    delay: 3s\n");
        becomes(SHORT, "a: {restart: never, q: 1}\n", "a/restart/delay", "3s",
                "a: {restart: {policy: never, delay: 3s}, q: 1}\n");
        becomes(SHORT, "a:\n  restart: never # why\n", "a/restart/policy", "always",
                "a:\n  restart: always # why\n");
        becomes(SHORT, "a:\n  restart: [x, y]\n", "a/restart/delay", "3s",
                "a:\n  restart:\n    policy: [x, y]\n    delay: 3s\n");
        becomes(SHORT, "a:\n  restart:\n", "a/restart/policy", "never",
                "a:\n  restart:\n    policy: never\n");
        refused(SHORT, "a:\n  restart: |\n    x\n", "a/restart/delay", "3s",
                "not written as a map");
        refused(SET, "a:\n  q: 1\n", "a/q/r", "3s", "q in line 2 is not written as a map");
}

#define NEW(indent)                                                                                \
        indent "new:\n" indent "  command: bin/new\n" indent "  environment:\n" indent             \
               "    A: b\n" indent "  port: 8301\n"

static void test_a_new_service(void **state)
{
        (void)state;
        const char *path = "services/new";
        becomes(ADD, "", path, NULL, "services:\n" NEW("  "));
        becomes(ADD, "# nothing yet", path, NULL, "# nothing yet\nservices:\n" NEW("  "));
        becomes(ADD, "---\n# nothing yet\n", path, NULL,
                "---\n# nothing yet\nservices:\n" NEW("  "));
        becomes(ADD, "services:\n\n#  a:\n#    command: x\n", path, NULL,
                "services:\n" NEW("  ") "\n#  a:\n#    command: x\n");
        becomes(ADD, "services: {} # none\n", path, NULL, "services: # none\n" NEW("  "));
        becomes(ADD, "services: {}", path, NULL, "services:\n" NEW("  "));
        becomes(ADD, "services: ~\n", path, NULL, "services:\n" NEW("  "));
        becomes(ADD, "environment:\n  A: b\n", path, NULL,
                "environment:\n  A: b\nservices:\n" NEW("  "));
        becomes(ADD, "services:\n  a:\n    command: x\n    # port: 1\n\n# the end\n", path, NULL,
                "services:\n  a:\n    command: x\n    # port: 1\n" NEW("  ") "\n# the end\n");
        becomes(ADD, "services:\n  a: {command: x}\n\nenvironment: {}\n", path, NULL,
                "services:\n  a: {command: x}\n" NEW("  ") "\nenvironment: {}\n");
        becomes(ADD, "services: {a: {command: x}}\n", path, NULL,
                "services: {a: {command: x}, new: {command: bin/new, environment: {A: b}, port: "
                "8301}}\n");
        becomes(ADD, "{\"services\": {}}\n", path, NULL,
                "{\"services\": {new: {command: bin/new, environment: {A: b}, port: 8301}}}\n");
        becomes(ADD, "services:\n    a:\n        command: x\n", path, NULL,
                "services:\n    a:\n        command: x\n    new:\n        command: bin/new\n"
                "        environment:\n            A: b\n        port: 8301\n");
        becomes(
            ADD, "services:\n a:\n  command: x", path, NULL,
            "services:\n a:\n  command: x\n new:\n  command: bin/new\n  environment:\n   A: b\n  "
            "port: 8301\n");
        becomes(ADD, "services: # ours\n", path, NULL, "services: # ours\n" NEW("  "));
        refused(ADD, "services: [a]\n", path, NULL, "services in line 1 is not written as a map");
        refused(ADD, "[a]\n", path, NULL, "the file in line 1 is not written as a map");
        refused(ADD, "services: *x\n", path, NULL, "*x in line 1 stands for");
        refused(ADD, "a: &x {}\nservices: *x\n", path, NULL,
                "*x in line 2 stands for what is written in line 1");
        refused(ADD, "services:\n\ta: 1\n", path, NULL, "not valid YAML");
        refused(ADD, "services:\n--- \na: 1\n", path, NULL, "not valid YAML");
}

static void test_removing(void **state)
{
        (void)state;
        becomes(REMOVE, "s:\n  a:\n    p: 1\n    # q\n  # of b\n  b:\n    p: 2\n", "s/a", NULL,
                "s:\n  # of b\n  b:\n    p: 2\n");
        becomes(REMOVE, "s:\n  a:\n    p: 1\n\n  b:\n    p: 2\n\n  c: {}\n", "s/b", NULL,
                "s:\n  a:\n    p: 1\n\n  c: {}\n");
        becomes(REMOVE, "s:\n  a:\n    p: 1\n\n  b:\n    p: 2\n", "s/b", NULL,
                "s:\n  a:\n    p: 1\n");
        becomes(REMOVE, "s:\n  a: {p: 1} # why\n", "s/a", NULL, "s:\n");
        becomes(REMOVE, "s: {a: {p: 1}, b: 2}\n", "s/a", NULL, "s: {b: 2}\n");
        becomes(REMOVE, "s: {a: {p: 1}, b: 2}\n", "s/b", NULL, "s: {a: {p: 1}}\n");
        becomes(REMOVE, "s: {a: {p: 1}, b: 2,}\n", "s/b", NULL, "s: {a: {p: 1},}\n");
        becomes(REMOVE, "s: {a: 1}\n", "s/a", NULL, "s: {}\n");
        becomes(REMOVE, "s: {\n  a: 1, # of a\n  # of b\n  b: 2, # b\n  c: 3\n}\n", "s/a", NULL,
                "s: {\n  # of b\n  b: 2, # b\n  c: 3\n}\n");
        becomes(REMOVE, "s: {\n  a: 1, # of a\n  b: 2 # b\n}\n", "s/b", NULL,
                "s: {\n  a: 1, # of a\n}\n");
        becomes(REMOVE, "s:\n  a:\n    r:\n      d: 1\n    q: 1\n", "s/a/r/d", NULL,
                "s:\n  a:\n    q: 1\n");
        becomes(REMOVE, "s:\n  a:\n    r:\n      d: 1\n      e: 2\n", "s/a/r/d", NULL,
                "s:\n  a:\n    r:\n      e: 2\n");
        becomes(REMOVE, "s:\n  a:\n    p: |\n      x\n\n    q: 1\n", "s/a/p", NULL,
                "s:\n  a:\n\n    q: 1\n");
        becomes(REMOVE, "s:\r\n  a: 1\r\n  b: 2\r\n", "s/a", NULL, "s:\r\n  b: 2\r\n");
}

static void test_removing_is_refused(void **state)
{
        (void)state;
        refused(REMOVE, "s:\n  a: 1\n", "s/b", NULL, "it is not there");
        refused(REMOVE, "s:\n  a:\n", "s/a/p", NULL, "it is not there");
        refused(REMOVE, "s:\n  a: p=1 q=2\n", "s/a/p", NULL,
                "a in line 2 is not written as a map of keys");
        refused(REMOVE, "s:\n  a: [p, q]\n", "s/a/p", NULL,
                "a in line 2 is not written as a map of keys");
        refused(REMOVE, "s:\n  a: &x {p: 1}\n  b: *x\n", "s/a", NULL,
                "*x in line 3 needs what is written in line 2");
        refused(REMOVE, "s:\n  a: {p: &x 1, q: 2}\n  b: {r: *x}\n", "s/a/p", NULL, "*x in line 3");
        refused(REMOVE, "s:\n  a: &x {p: 1}\n  b: {<<: *x, q: 1}\n", "s/b/p", NULL,
                "p comes from elsewhere (<<)");
        becomes(REMOVE, "s:\n  a: &x {p: 1}\n  b: *x\n", "s/b", NULL, "s:\n  a: &x {p: 1}\n");
        becomes(REMOVE, "s:\n  a: &x {p: &y 1, q: *y}\n  b: 1\n", "s/a", NULL, "s:\n  b: 1\n");
}

static void test_what_is_shared(void **state)
{
        (void)state;
        const char *base = "s:\n  a: &x {p: 1}\n  b: *x\n  c: {<<: *x, q: 1}\n";
        refused(SET, base, "s/a/p", "2", "&x in line 2 is used in line 3 as well");
        refused(SET, base, "s/b/p", "2", "*x in line 3 stands for what is written in line 2");
        becomes(SET, base, "s/c/p", "2",
                "s:\n  a: &x {p: 1}\n  b: *x\n  c: {<<: *x, q: 1, p: 2}\n");
        refused(SET, "s:\n  a: &x {r: {d: 1}}\n  c: {<<: *x, q: 1}\n", "s/c/r/e", "2",
                "r comes from elsewhere (<<) as a whole");
        refused(SET, "s:\n  a: &x {r: {d: 1}}\n  c: {<<: [*x], q: 1}\n", "s/c/r/e", "2",
                "r comes from elsewhere (<<) as a whole");
        refused(SET, "s:\n  a: {p: &x 1}\n  c: {q: *x}\n", "s/a/p", "2", "*x in line 3 needs");
        refused(SET, "s:\n  a: {p: {r: &x 1}}\n  c: {q: *x}\n", "s/a/p", "2", "*x in line 3 needs");
        becomes(SET, "s:\n  a: {p: &x 1}\n  c: {q: *x}\n", "s/c/q", "2",
                "s:\n  a: {p: &x 1}\n  c: {q: 2}\n");
        becomes(SET, base, "s/b", "2", "s:\n  a: &x {p: 1}\n  b: 2\n  c: {<<: *x, q: 1}\n");
}

static void test_renaming(void **state)
{
        (void)state;
        becomes(RENAME, "s:\n  a: # x\n    p: 1\n", "s/a", "b", "s:\n  b: # x\n    p: 1\n");
        becomes(RENAME, "s: {'a': 1, \"c\" : 2}\n", "s/a", "b", "s: {'b': 1, \"c\" : 2}\n");
        becomes(RENAME, "s: {'a': 1, \"c\" : 2}\n", "s/c", "b", "s: {'a': 1, \"b\" : 2}\n");
        becomes(RENAME, "s:\n  &k a: 1\n", "s/a", "b", "s:\n  &k b: 1\n");
        becomes(RENAME, "s:\n  a: &x {p: 1}\n  c: *x\n", "s/a", "b",
                "s:\n  b: &x {p: 1}\n  c: *x\n");
        becomes(RENAME, "s:\n  a: 1\n", "s/a", "on", "s:\n  \"on\": 1\n");
        becomes(RENAME, "s:\n  ? a\n  : 1\n", "s/a", "b", "s:\n  ? b\n  : 1\n");
        refused(RENAME, "s:\n  a: 1\n  b: 2\n", "s/a", "b", "b is there already");
        refused(RENAME, "s:\n  a: 1\n", "s/c", "b", "it is not there");
}

static void test_written_in_another_way(void **state)
{
        (void)state;
        /* the empty line would become a part of the text above it */
        refused(REMOVE, "s:\n  a: |+\n    x\n  b: 1\n\n  c: 2\n", "s/b", NULL,
                "without changing more");
        becomes(REMOVE, "s:\n  a: |\n    x\n  b: 1\n\n  c: 2\n", "s/b", NULL,
                "s:\n  a: |\n    x\n\n  c: 2\n");
        becomes(SET, "s:\n  a: |\n    x", "s/b", "1", "s:\n  a: |\n    x\n  b: 1\n");
        refused(SET, "s:\n  ? a\n  : 1\n", "s/b", "2", "cannot be changed here");
        refused(REMOVE, "s:\n  ? a\n  : 1\n  ? b\n  : 2\n", "s/a", NULL, "cannot be changed here");
        refused(SET, "s: &x\n", "s/a", "2", "has an anchor (&x) and no value");
        refused(SET, "s:\n  a: 1\n  a: 2\n", "s/a", "3",
                "a is written twice, in line 2 and in line 3");
        refused(REMOVE, "s:\n  a: 1\n  a: 2\n", "s/a", NULL, "a is written twice");
        refused(RENAME, "s:\n  a: 1\n  a: 2\n", "s/a", "b", "a is written twice");
        refused(SET, "p: 1\n", "p", "[", "is not valid YAML");
        refused(SET, "p: 1\n", "p", "1, q: 2", "is not valid YAML");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_value),
            cmocka_unit_test(test_a_block),
            cmocka_unit_test(test_a_new_key),
            cmocka_unit_test(test_a_short_form),
            cmocka_unit_test(test_a_new_service),
            cmocka_unit_test(test_removing),
            cmocka_unit_test(test_removing_is_refused),
            cmocka_unit_test(test_what_is_shared),
            cmocka_unit_test(test_renaming),
            cmocka_unit_test(test_written_in_another_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_conf_yaml.c: YAML and people's mistakes in it: places, messages, limits, merge keys, and what is
 * kept of a file that breaks off. */
#include "tests/unit/conf_helper.h"

#include "common/conf_private.h"

static struct conf_doc *parse(const char *text, size_t n, struct diag *d)
{
        char *copy = xmalloc(n + 1);
        memcpy(copy, text, n);
        copy[n] = '\0';
        return conf_doc_parse("f", copy, n, d);
}

static struct conf_doc *parse_ok(const char *text)
{
        struct diag d = {0};
        struct conf_doc *doc = parse(text, strlen(text), &d);
        if (doc->broken)
                fail_msg("%s\n%s", text, d.v[0].message);
        diag_done(&d);
        return doc;
}

/* A tree as text: [a, b], {k: v}. */
static void dump(const struct conf_node *n, struct strbuf *b)
{
        if (n->kind == CONF_SCALAR) {
                strbuf_add(b, conf_node_null(n) ? "null" : n->value);
                return;
        }
        strbuf_addc(b, n->kind == CONF_LIST ? '[' : '{');
        for (size_t i = 0; i < n->n; i++) {
                if (i)
                        strbuf_add(b, ", ");
                if (n->kind == CONF_LIST) {
                        dump(n->list[i], b);
                        continue;
                }
                dump(n->map[i].key, b);
                strbuf_add(b, n->map[i].first ? " (again): " : ": ");
                dump(n->map[i].value, b);
        }
        strbuf_addc(b, n->kind == CONF_LIST ? ']' : '}');
}

static void test_trees(void **state)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
            {"a: 1\nb: [x, 'y', \"z\"]\n", "{a: 1, b: [x, y, z]}"},
            {"a: {b: {c: d}}", "{a: {b: {c: d}}}"},
            {"a: ~\nb:\nc: ''\n", "{a: null, b: null, c: }"},
            {"a: &x {k: v}\nb: *x\n", "{a: {k: v}, b: {k: v}}"},
            {"a: 1\nb: 2\na: 3\n", "{a: 1, b: 2, a (again): 3}"},
            {"- &x {p: 1, q: 2}\n- {<<: *x, q: 3, r: 4}\n", "[{p: 1, q: 2}, {q: 3, r: 4, p: 1}]"},
            {"- &x {p: 1}\n- &y {p: 2, q: 2}\n- <<: [*x, *y]\n",
             "[{p: 1}, {p: 2, q: 2}, {p: 1, q: 2}]"},
            {"'<<': x\n", "{<<: x}"},
            {"\xef\xbb\xbf"
             "a: 1\n",
             "{a: 1}"},
            {"a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"},
            {"%YAML 1.1\n---\na: 1\n...\n", "{a: 1}"},
            {"a: !!str 1\n", "{a: 1}"},
            {"a: |\n  x\n  y\n", "{a: x\ny\n}"},
            {"a: \"x\\0y\"\n", "{a: x\xef\xbf\xbdy}"},
            /* not YAML, but what is meant is clear */
            {"a: x --bind :: --port 1\nb: 2\n", "{a: x --bind :: --port 1, b: 2}"},
            {"a: it's x: y # z\n", "{a: it's x: y}"},
            {"- a: p: q\n  b: r: s\n", "[{a: p: q, b: r: s}]"},
            {"é: ü: ß\n", NULL},
            {"a: \"x\": y\n", NULL},
            {"a: x\n  b: y\n", NULL},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct diag d = {0};
                struct conf_doc *doc = parse(cases[i].text, strlen(cases[i].text), &d);
                struct strbuf b = {0};
                assert_int_equal(doc->broken, cases[i].expected == NULL);
                assert_int_equal(d.errors, cases[i].expected == NULL);
                if (cases[i].expected)
                        dump(doc->root, &b);
                if (cases[i].expected && strcmp(b.s, cases[i].expected) != 0)
                        fail_msg("%s\nexpected %s\ngot      %s", cases[i].text, cases[i].expected,
                                 b.s);
                strbuf_done(&b);
                conf_doc_free(doc);
                diag_done(&d);
        }
}

static void test_places(void **state)
{
        (void)state;
        struct conf_doc *doc = parse_ok("# x\nfoo:\n  bär: [1,\n    zwei]\n");
        const struct conf_node *foo = conf_node_get(doc->root, "foo");
        const struct conf_node *bar = conf_node_get(foo, "bär");
        assert_int_equal(doc->root->map[0].key->line, 2);
        assert_int_equal(doc->root->map[0].key->column, 1);
        assert_int_equal(bar->line, 3);
        assert_int_equal(bar->column, 8); /* characters, not bytes */
        assert_int_equal(bar->list[1]->line, 4);
        assert_int_equal(bar->list[1]->column, 5);
        assert_null(conf_node_get(foo, "nothing"));
        char *line = conf_doc_line(doc, 3);
        assert_string_equal(line, "  bär: [1,");
        free(line);
        assert_null(conf_doc_line(doc, 0));
        assert_null(conf_doc_line(doc, 99));
        conf_doc_free(doc);
}

static void test_repair_keeps_places(void **state)
{
        (void)state;
        struct diag d = {0};
        const char *text = "a: 1\nb: x :: y # c\nc: {d: e}\n";
        struct conf_doc *doc = parse(text, strlen(text), &d);
        assert_int_equal(conf_node_get(doc->root, "b")->line, 2);
        assert_int_equal(conf_node_get(doc->root, "b")->column, 4);
        assert_int_equal(conf_node_get(conf_node_get(doc->root, "c"), "d")->column, 8);
        assert_int_equal(d.n, 1);
        assert_int_equal(d.v[0].severity, DIAG_WARNING);
        assert_int_equal(d.v[0].line, 2);
        assert_int_equal(d.v[0].column, 4);
        assert_string_equal(d.v[0].source, "b: x :: y # c");
        conf_doc_free(doc);
        diag_done(&d);
}

static void test_repairs_have_a_limit(void **state)
{
        (void)state;
        struct strbuf b = {0};
        struct diag d = {0};
        for (int i = 0; i < 40; i++)
                strbuf_addf(&b, "k%d: a: b\n", i);
        struct conf_doc *doc = parse(b.s, b.n, &d);
        assert_true(doc->broken);
        assert_int_equal(d.errors, 1);
        assert_int_equal(d.n, 33);
        strbuf_done(&b);
        conf_doc_free(doc);
        diag_done(&d);
}

static void test_empty(void **state)
{
        static const char *const texts[] = {"", "\n\n", "# only a comment\n", "---\n", "~\n"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct conf_doc *doc = parse_ok(texts[i]);
                assert_null(doc->root);
                conf_doc_free(doc);
        }
}

static void test_errors(void **state)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
            {"a:\n\tb: 1\n",
             "f:2:1: not valid YAML: a tab is not allowed for indentation; use spaces"},
            {"a:\n  b: 1\n \tc: 1\n",
             "f:3:2: not valid YAML: a tab is not allowed for indentation; use spaces"},
            {"\t", "f:1:1: not valid YAML: a tab is not allowed for indentation; use spaces"},
            {"a: @x\n", "f:1:4: not valid YAML: a value that begins with @ needs quotes"},
            {"a: `x`\n", "f:1:4: not valid YAML: a value that begins with ` needs quotes"},
            {"a: %x\n", "f:1:4: not valid YAML: a value that begins with % needs quotes"},
            {"a: *x\n",
             "f:1:4: not valid YAML: there is no anchor &x before this (a value that begins "
             "with * needs quotes)"},
            {"a: */5 x\n", "f:1:4: not valid YAML: a value that begins with * needs quotes"},
            {"a: && x\n", "f:1:4: not valid YAML: a value that begins with & needs quotes"},
            {"a: !x y\n",
             "f:1:4: not valid YAML: the tag !x has no meaning here (a value that begins "
             "with ! needs quotes)"},
            {"a: 1\n  b: 2\n", "f:2:4: not valid YAML: a \": \" that belongs to no key (wrong "
                               "indentation, or the value needs quotes)"},
            {"a:\n  b: 1\n c: 2\n",
             "f:3:2: not valid YAML: a key was expected here (is the indentation right?)"},
            {"a: \"x\nb: 1\n", "f:1:4: not valid YAML: this quote is never closed"},
            {"a: 'x\n", "f:1:4: not valid YAML: this quote is never closed"},
            {"a: \"\\d\"\n",
             "f:1:5: not valid YAML: unknown escape in double quotes (in single quotes a "
             "backslash is just a backslash)"},
            {"a: [1, 2\nb: 1\n", "f:2:2: not valid YAML: a \",\" or the closing \"]\" is missing"},
            {"a: {b: 1\nc: 1\n", "f:2:2: not valid YAML: a \",\" or the closing \"}\" is missing"},
            {"a: 1\nb\nc: 1\n",
             "f:3:1: not valid YAML: this should be \"key: value\" (the \": \" is missing)"},
            {"a: - b\n",
             "f:1:4: not valid YAML: a list item is not possible here (begin it on a line of "
             "its own)"},
            {"a: 1\n---\nb: 1\n",
             "f:2:1: not valid YAML: a second document (---) in the file (put it "
             "into a file of its own)"},
            {"? [a]\n: b\n",
             "f:1:3: not valid YAML: a key must be a word, not a list or map (a value "
             "that begins with { or [ needs quotes)"},
            {"a: {{x}}\n",
             "f:1:5: not valid YAML: a key must be a word, not a list or map (a value that "
             "begins with { or [ needs quotes)"},
            {"a: &x\n  - *x\n",
             "f:2:5: not valid YAML: the alias *x stands inside of its own anchor"},
            {"a: &x 1\nb: &x 2\n", "f:2:4: not valid YAML: the anchor &x is defined twice"},
            {"a: {<<: 1}\n",
             "f:1:9: not valid YAML: << takes a map or a list of maps, such as *name"},
            {"a: {<<: [1]}\n",
             "f:1:9: not valid YAML: << takes a map or a list of maps, such as *name"},
            {"a: 1\nb: \x80\n", "f:2:4: not valid YAML: the text is not UTF-8 here"},
            {"é: é\x01\n", "f:1:5: not valid YAML: a control character (code 1) is not allowed"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct diag d = {0};
                struct conf_doc *doc = parse(cases[i].text, strlen(cases[i].text), &d);
                assert_true(doc->broken);
                assert_int_equal(d.n, 1);
                char *line = diag_line(&d.v[0]);
                if (strcmp(line, cases[i].expected) != 0)
                        fail_msg("%s\nexpected %s\ngot      %s", cases[i].text, cases[i].expected,
                                 line);
                assert_non_null(d.v[0].source);
                free(line);
                conf_doc_free(doc);
                diag_done(&d);
        }
}

static void expect_error(const struct strbuf *text, const char *part)
{
        struct diag d = {0};
        struct conf_doc *doc = parse(text->s, text->n, &d);
        assert_true(doc->broken);
        assert_int_equal(d.n, 1);
        if (!strstr(d.v[0].message, part))
                fail_msg("%s", d.v[0].message);
        conf_doc_free(doc);
        diag_done(&d);
}

static void test_alias_bomb(void **state)
{
        (void)state;
        struct strbuf b = {0};
        strbuf_add(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 12; i++) {
                strbuf_addf(&b, "a%d: &a%d [", i, i);
                for (int k = 0; k < 10; k++)
                        strbuf_addf(&b, "%s*a%d", k ? ", " : "", i - 1);
                strbuf_add(&b, "]\n");
        }
        expect_error(&b, "more than 65536 values, counting what aliases repeat");
        strbuf_done(&b);
        /* and with merge keys */
        strbuf_add(&b, "a0: &a0 {");
        for (int i = 0; i < 1000; i++)
                strbuf_addf(&b, "k%d: v, ", i);
        strbuf_add(&b, "}\n");
        for (int i = 1; i < 100; i++)
                strbuf_addf(&b, "a%d: &a%d {<<: *a%d}\n", i, i, i - 1);
        expect_error(&b, "more than 65536 values");
        strbuf_done(&b);
}

static void test_limits(void **state)
{
        (void)state;
        struct strbuf b = {0};
        for (int i = 0; i < 65540; i++)
                strbuf_add(&b, "- x\n");
        expect_error(&b, "more than 65536 values");
        strbuf_done(&b);
        for (int i = 0; i < 5000; i++)
                strbuf_addc(&b, '[');
        expect_error(&b, "nested deeper than 32 levels");
        strbuf_done(&b);
        strbuf_add(
            &b, "a: &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[*a]]]]]]]]]]]]\n");
        expect_error(&b, "nested deeper than 32 levels");
        strbuf_done(&b);
}

/* What is certain about a file that breaks off. */
static void test_certain(void **state)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
            {"a: 1\nb: {c: d}\ne: [", "{a: 1, b: {c: d}}"},
            {"a:\n  b: 1\n c: 2\n", "{}"}, /* a may go on */
            {"x: 1\na:\n  b: 1\n c: 2\n", "{x: 1}"},
            {"a: 1\nb: 2\n---\nc: 3\n", "{}"}, /* it was complete, but is refused as a whole */
            {"[1, 2", NULL},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct diag d = {0};
                struct strbuf b = {0};
                struct conf_doc *doc = parse(cases[i].text, strlen(cases[i].text), &d);
                assert_true(doc->broken);
                assert_int_equal(doc->root == NULL, cases[i].expected == NULL);
                if (doc->root)
                        dump(doc->root, &b);
                if (doc->root)
                        assert_string_equal(b.s, cases[i].expected);
                strbuf_done(&b);
                conf_doc_free(doc);
                diag_done(&d);
        }
}

static void test_index(void **state)
{
        (void)state;
        struct conf_index x = {0};
        char keys[3000][8];
        assert_int_equal(conf_index_get(&x, "k1"), CONF_INDEX_NONE);
        for (size_t i = 0; i < 3000; i++) {
                snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
                assert_int_equal(conf_index_add(&x, keys[i], i), CONF_INDEX_NONE);
        }
        for (size_t i = 0; i < 3000; i++) {
                assert_int_equal(conf_index_get(&x, keys[i]), i);
                assert_int_equal(conf_index_add(&x, keys[i], 7), i);
        }
        assert_int_equal(conf_index_get(&x, "k3000"), CONF_INDEX_NONE);
        conf_index_done(&x);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_trees),
            cmocka_unit_test(test_places),
            cmocka_unit_test(test_repair_keeps_places),
            cmocka_unit_test(test_repairs_have_a_limit),
            cmocka_unit_test(test_empty),
            cmocka_unit_test(test_errors),
            cmocka_unit_test(test_alias_bomb),
            cmocka_unit_test(test_limits),
            cmocka_unit_test(test_certain),
            cmocka_unit_test(test_index),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

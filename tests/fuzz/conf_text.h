/* conf_text: definitions from a piece of text, without a file. */
#ifndef SVCD_TESTS_FUZZ_CONF_TEXT_H
#define SVCD_TESTS_FUZZ_CONF_TEXT_H

#include <string.h>

#include "common/conf_private.h"

static inline struct conf *conf_from_text(const char *text, size_t n, struct diag *diag)
{
        struct conf *c = xcalloc(1, sizeof(*c));
        c->refs = 1;
        c->home = xstrdup("/home/a");
        char *copy = xmalloc(n + 1);
        memcpy(copy, text, n);
        copy[n] = '\0';
        struct conf_doc *doc = conf_doc_parse(conf_intern(c, "f"), copy, n, diag);
        conf_parse(c, &doc, 1, NULL, diag);
        conf_doc_free(doc);
        diag_sort(diag);
        return c;
}

#endif

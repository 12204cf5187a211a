/* diag.c: the list of messages about the user's files: adding, sorting, printing, did-you-mean.
 * It knows nothing of definitions; whoever adds a message knows what is wrong and where. */
#include "common/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUGGEST_WORD_MAX 64
#define TEXT_MAX_BYTES   1000 /* of a message or a path: keys can be as long as the file */

void diag_done(struct diag *d)
{
        for (size_t i = 0; i < d->n; i++) {
                free(d->v[i].file);
                free(d->v[i].path);
                free(d->v[i].service);
                free(d->v[i].message);
                free(d->v[i].source);
        }
        free(d->v);
        *d = (struct diag){0};
}

/* Text from a user's file must neither break the line nor reach the terminal as a control sequence.
 * C1 controls (U+0080 to U+009F) are such sequences in UTF-8 too. */
static char *printable(const char *s, size_t max_bytes)
{
        struct strbuf b = {0};
        for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
                if (b.n >= max_bytes && (*p & 0xc0) != 0x80) {
                        strbuf_add(&b, "…");
                        break;
                }
                if (*p == '\n')
                        strbuf_add(&b, "\\n");
                else if (*p == '\t')
                        strbuf_add(&b, "\\t");
                else if (*p < 0x20 || *p == 0x7f)
                        strbuf_addf(&b, "\\x%02x", *p);
                else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
                        strbuf_addf(&b, "\\x%02x", *++p);
                else
                        strbuf_addc(&b, (char)*p);
        }
        return strbuf_take(&b);
}

struct diag_item *diag_add(struct diag *d, enum diag_severity severity, const char *file, int line,
                           int column, const char *path, const char *service, const char *fmt, ...)
{
        if (severity == DIAG_ERROR)
                d->errors++;
        if (d->n >= DIAG_MAX) {
                d->left_out++;
                return NULL;
        }
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *message = xvasprintf(fmt, ap);
        va_end(ap);

        GROW(d->v, d->n, d->cap);
        struct diag_item *it = &d->v[d->n++];
        *it = (struct diag_item){
            .severity = severity,
            .file = file ? xstrdup(file) : NULL,
            .line = line,
            .column = column,
            .path = path ? printable(path, TEXT_MAX_BYTES) : NULL,
            .service = service ? xstrdup(service) : NULL,
            .message = printable(message, TEXT_MAX_BYTES),
        };
        it->message_n = strlen(it->message);
        return it;
}

static bool is_again(const struct diag_item *it, const char *file, int line, int column,
                     const char *service, const char *message)
{
        return it->line == line && it->column == column && it->service && str_eq(it->file, file) &&
               !str_eq(it->service, service) && strlen(message) == it->message_n &&
               strncmp(it->message, message, it->message_n) == 0;
}

bool diag_again(struct diag *d, const char *file, int line, int column, const char *service,
                const char *message)
{
        _cleanup_free_ char *same = printable(message, TEXT_MAX_BYTES);
        for (size_t i = 0; i < d->n; i++) {
                struct diag_item *it = &d->v[i];
                if (!is_again(it, file, line, column, service, same))
                        continue;
                it->others++;
                char *text = xasprintf("%.*s (the same for %zu more service%s)", (int)it->message_n,
                                       it->message, it->others, it->others == 1 ? "" : "s");
                free(it->message);
                it->message = text;
                return true;
        }
        return false;
}

static int order(const struct diag_item *a, const struct diag_item *b)
{
        if (!a->file || !b->file)
                return (a->file ? 1 : 0) - (b->file ? 1 : 0);
        int r = strcmp(a->file, b->file);
        if (r == 0)
                r = (a->line > b->line) - (a->line < b->line);
        if (r == 0)
                r = (a->column > b->column) - (a->column < b->column);
        return r;
}

/* A merge sort, because messages of one place must stay in the order in which they were found. */
static void sort_range(struct diag_item *v, struct diag_item *tmp, size_t n)
{
        if (n < 2)
                return;
        size_t half = n / 2, a = 0, b = half, k = 0;
        sort_range(v, tmp, half);
        sort_range(v + half, tmp, n - half);
        memcpy(tmp, v, n * sizeof(*v));
        while (a < half && b < n)
                v[k++] = order(&tmp[b], &tmp[a]) < 0 ? tmp[b++] : tmp[a++];
        while (a < half)
                v[k++] = tmp[a++];
        while (b < n)
                v[k++] = tmp[b++];
}

bool diag_rest(const struct diag *d, struct diag_item *ret, char buf[DIAG_REST_MAX])
{
        size_t listed = 0;
        for (size_t i = 0; i < d->n; i++)
                listed += d->v[i].severity == DIAG_ERROR;
        snprintf(buf, DIAG_REST_MAX, "%zu more are not listed", d->left_out);
        *ret = (struct diag_item){
            .severity = d->errors > listed ? DIAG_ERROR : DIAG_WARNING,
            .message = buf,
        };
        return d->left_out > 0;
}

void diag_sort(struct diag *d)
{
        if (d->n < 2)
                return;
        _cleanup_free_ struct diag_item *tmp = xcalloc(d->n, sizeof(*tmp));
        sort_range(d->v, tmp, d->n);
}

static void add_place(struct strbuf *b, const struct diag_item *it)
{
        if (!it->file)
                return;
        _cleanup_free_ char *file = printable(it->file, SIZE_MAX);
        strbuf_add(b, file);
        if (it->line > 0)
                strbuf_addf(b, ":%d", it->line);
        if (it->line > 0 && it->column > 0)
                strbuf_addf(b, ":%d", it->column);
        strbuf_add(b, ": ");
}

static void add_text(struct strbuf *b, const struct diag_item *it)
{
        if (it->severity == DIAG_WARNING)
                strbuf_add(b, "warning: ");
        strbuf_add(b, it->message);
}

char *diag_line(const struct diag_item *it)
{
        struct strbuf b = {0};
        add_place(&b, it);
        if (it->path)
                strbuf_addf(&b, "%s: ", it->path);
        add_text(&b, it);
        return strbuf_take(&b);
}

/* The source line, and below it a caret; tabs stay tabs, so that both lines have the same widths. */
static void print_source(const struct diag_item *it, FILE *f, bool color)
{
        struct strbuf line = {0}, caret = {0};
        int column = 1;
        bool reached = it->column <= 1;
        for (const unsigned char *p = (const unsigned char *)it->source; *p; p++) {
                bool first_byte = (*p & 0xc0) != 0x80;
                if (first_byte && column++ < it->column)
                        strbuf_addc(&caret, *p == '\t' ? '\t' : ' ');
                if (column >= it->column)
                        reached = true;
                bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
                if (c1)
                        p++;
                strbuf_addc(&line,
                            c1 || ((*p < 0x20 && *p != '\t') || *p == 0x7f) ? '?' : (char)*p);
        }
        fprintf(f, "    %s\n", line.s ? line.s : "");
        if (reached && it->column > 0)
                fprintf(f, "    %s%s^%s\n", caret.s ? caret.s : "", color ? "\033[1;32m" : "",
                        color ? "\033[0m" : "");
        strbuf_done(&line);
        strbuf_done(&caret);
}

static void print_item(const struct diag_item *it, FILE *f, bool caret, bool color)
{
        struct strbuf place = {0}, text = {0};
        add_place(&place, it);
        add_text(&text, it);
        const char *on = it->severity == DIAG_ERROR ? "\033[31m" : "\033[33m";
        fprintf(f, "%s%s%s", color ? "\033[1m" : "", place.s ? place.s : "",
                color ? "\033[0m" : "");
        if (it->path)
                fprintf(f, "%s: ", it->path);
        fprintf(f, "%s%s%s\n", color ? on : "", text.s, color ? "\033[0m" : "");
        strbuf_done(&place);
        strbuf_done(&text);
        if (caret && it->source)
                print_source(it, f, color);
}

void diag_print(const struct diag *d, FILE *f, bool caret, bool color)
{
        for (size_t i = 0; i < d->n; i++)
                print_item(&d->v[i], f, caret, color);
        if (d->left_out > 0)
                fprintf(f, "… and %zu more\n", d->left_out);
}

/* Edit distance in which two exchanged neighbours count as one step, as they do for fingers; letters'
 * case is no difference. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
        size_t rows[3][SUGGEST_WORD_MAX + 1];
        size_t *before = rows[0], *last = rows[1], *now = rows[2];
        for (size_t j = 0; j <= nb; j++)
                before[j] = last[j] = j;
        for (size_t i = 1; i <= na; i++) {
                now[0] = i;
                for (size_t j = 1; j <= nb; j++) {
                        int x = tolower((unsigned char)a[i - 1]);
                        int y = tolower((unsigned char)b[j - 1]);
                        size_t best = last[j - 1] + (x != y);
                        best = MIN(best, last[j] + 1);
                        best = MIN(best, now[j - 1] + 1);
                        if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                            y == tolower((unsigned char)a[i - 2]))
                                best = MIN(best, before[j - 2] + 1);
                        now[j] = best;
                }
                size_t *swap = before;
                before = last;
                last = now;
                now = swap;
        }
        return last[nb];
}

/* How many mistakes may lie between two words that are meant to be the same. Of short words much is
 * left of neither after a few; and the first letter is hardly ever wrong together with others. */
static size_t steps_allowed(const char *a, size_t na, const char *b, size_t nb)
{
        size_t shorter = MIN(na, nb);
        bool same_start = tolower((unsigned char)*a) == tolower((unsigned char)*b);
        if (na <= 2 || shorter == 0)
                return 0;
        return !same_start || shorter <= 4 ? 1 : shorter <= 7 ? 2 : 3;
}

const char *diag_suggest(const char *word, const char *const *candidates, size_t n)
{
        size_t length = strlen(word);
        if (length == 0 || length > SUGGEST_WORD_MAX)
                return NULL;
        const char *best = NULL;
        size_t best_distance = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
                size_t m = strlen(candidates[i]);
                size_t limit = steps_allowed(word, length, candidates[i], m);
                bool begun =
                    length >= 3 && m > length && strncasecmp(word, candidates[i], length) == 0;
                if (m > SUGGEST_WORD_MAX || (!begun && (m > length + limit || length > m + limit)))
                        continue;
                size_t d = distance(word, length, candidates[i], m);
                if (begun)
                        d = MIN(d, limit);
                if (d <= limit && d < best_distance) {
                        best_distance = d;
                        best = candidates[i];
                }
        }
        return best;
}

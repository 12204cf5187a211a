/* yamlplace.c: offsets in a YAML text: lines, entries with the comments that belong to them, gaps in brackets (see
 * yamlplace.h). Nothing is changed here. */
#include "ctl/yamlplace.h"

#include <string.h>

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int yplace_step(const struct ytree *t)
{
        for (size_t i = 0; i < t->nodes_n; i++) {
                const struct ynode *n = t->nodes[i], *up = n->up;
                if (n->kind == YNODE_MAP && !n->flow && n->n && up && up->kind == YNODE_MAP &&
                    !up->flow && n->v[0]->column > up->v[0]->column)
                        return n->v[0]->column - up->v[0]->column;
        }
        return 2;
}

/* ---- lines ---- */

static size_t line_begin(const struct ytree *t, size_t at)
{
        while (at > 0 && t->text[at - 1] != '\n')
                at--;
        return at;
}

size_t yplace_line_end(const struct ytree *t, size_t at)
{
        if (at > 0 && t->text[at - 1] == '\n')
                return at;
        const char *end = memchr(t->text + at, '\n', t->n - at);
        return end ? (size_t)(end - t->text) + 1 : t->n;
}

/* The first byte at or behind AT that is no blank within its line. */
static size_t skip_blanks(const struct ytree *t, size_t at)
{
        while (at < t->n && (t->text[at] == ' ' || t->text[at] == '\t'))
                at++;
        return at;
}

/* Whether only blanks stand from AT to the end of the line. */
static bool rest_empty(const struct ytree *t, size_t at)
{
        at = skip_blanks(t, at);
        return at == t->n || t->text[at] == '\n' || t->text[at] == '\r';
}

static bool rest_empty_or_comment(const struct ytree *t, size_t at)
{
        return rest_empty(t, at) || t->text[skip_blanks(t, at)] == '#';
}

static bool first_on_line(const struct ytree *t, const struct ynode *n)
{
        return skip_blanks(t, line_begin(t, n->begin)) == n->begin;
}

size_t yplace_entry_end(const struct ytree *t, size_t at, int column)
{
        size_t p = yplace_line_end(t, at), end = p;
        while (p < t->n) {
                size_t text = skip_blanks(t, p);
                bool empty = rest_empty(t, p);
                if (!empty && (t->text[text] != '#' || text - p <= (size_t)column))
                        break;
                const char *newline = memchr(t->text + text, '\n', t->n - text);
                p = newline ? (size_t)(newline - t->text) + 1 : t->n;
                if (!empty)
                        end = p;
        }
        return end;
}

/* ---- keys and values ---- */

size_t yplace_behind_key(const struct ytree *t, const struct ynode *key)
{
        size_t at = key->end;
        while (at < t->n && is_space(t->text[at]))
                at++;
        return at < t->n && t->text[at] == ':' ? at + 1 : key->end;
}

static size_t behind_value(const struct ytree *t, const struct ynode *key,
                           const struct ynode *value)
{
        return MAX(value->end, yplace_behind_key(t, key));
}

size_t yplace_last(const struct ytree *t, const struct ynode *map)
{
        return behind_value(t, map->v[map->n - 2], map->v[map->n - 1]);
}

bool yplace_lines_ok(const struct ytree *t, const struct ynode *map)
{
        return map->n > 0 && t->text[map->body] != '?';
}

bool yplace_empty_brackets(const struct ytree *t, const struct ynode *map)
{
        return map->flow && map->n == 0 && !map->anchor && map->end == map->begin + 2 &&
               t->text[map->begin] == '{';
}

static size_t trimmed_end(const struct ytree *t, const struct ynode *n)
{
        size_t end = n->end;
        while (end > n->begin && is_space(t->text[end - 1]))
                end--;
        return end;
}

bool yplace_of_value(const struct ytree *t, const struct ynode *key, const struct ynode *value,
                     struct yplace_value *ret)
{
        size_t behind = yplace_behind_key(t, key);
        bool colon = behind > key->end, empty = value->end == value->begin;
        if (!colon && !empty)
                return false;
        *ret = (struct yplace_value){.at = behind, .end = behind, .colon = colon};
        if (empty)
                return true;
        if (value->begin < behind)
                return false;
        if (!memchr(t->text + behind, '\n', value->begin - behind)) {
                ret->at = value->begin;
                ret->end = trimmed_end(t, value);
                ret->blank = true;
                return true;
        }
        ret->old_end = trimmed_end(t, value);
        ret->old_at = value->begin;
        while (ret->old_at > behind && is_space(t->text[ret->old_at - 1]))
                ret->old_at--;
        return true;
}

/* ---- brackets ---- */

static bool in_braces(const struct ytree *t, const struct ynode *map)
{
        return map->flow && map->end > map->body + 1 && t->text[map->body] == '{' &&
               t->text[map->end - 1] == '}';
}

/* Behind the comma that follows AT, if one does before the closing bracket; else AT. */
static size_t behind_comma(const struct ytree *t, const struct ynode *map, size_t at)
{
        size_t p = at;
        while (p < map->end - 1 && (is_space(t->text[p]) || t->text[p] == '#'))
                if (t->text[p++] == '#')
                        while (p < map->end - 1 && t->text[p] != '\n')
                                p++;
        return t->text[p] == ',' ? p + 1 : at;
}

/* Whether the pair and its comma, if there is one, which end at END, have lines of their own. */
static bool own_lines(const struct ytree *t, const struct ynode *map, const struct ynode *key,
                      size_t end)
{
        return first_on_line(t, key) && rest_empty_or_comment(t, end) &&
               memchr(t->text + end, '\n', map->end - end);
}

bool yplace_in_brackets(const struct ytree *t, const struct ynode *map, struct yplace_gap *ret)
{
        if (!in_braces(t, map))
                return false;
        *ret = (struct yplace_gap){.at = map->body + 1};
        if (map->n == 0)
                return true;
        const struct ynode *key = map->v[map->n - 2];
        size_t last = behind_value(t, key, map->v[map->n - 1]), end = behind_comma(t, map, last);
        ret->behind_last = last;
        ret->comma = end > last;
        ret->at = end;
        ret->own_line = own_lines(t, map, key, end);
        if (!ret->own_line)
                return true;
        ret->indent = (int)(key->begin - line_begin(t, key->begin));
        ret->at = (size_t)((char *)memchr(t->text + end, '\n', map->end - end) - t->text);
        if (ret->at > end && t->text[ret->at - 1] == '\r')
                ret->at--;
        return true;
}

static bool of_pair_in_braces(const struct ytree *t, const struct ynode *map, size_t i,
                              size_t *ret_begin, size_t *ret_end)
{
        if (!in_braces(t, map))
                return false;
        const struct ynode *key = map->v[i];
        size_t end = behind_comma(t, map, behind_value(t, key, map->v[i + 1]));
        if (own_lines(t, map, key, end)) {
                *ret_begin = line_begin(t, key->begin);
                *ret_end = yplace_line_end(t, end);
        } else if (i + 2 < map->n) {
                *ret_begin = key->begin;
                *ret_end = map->v[i + 2]->begin;
        } else {
                *ret_begin = i == 0 ? key->begin : behind_value(t, map->v[i - 2], map->v[i - 1]);
                *ret_end = i == 0 ? end : behind_value(t, key, map->v[i + 1]);
        }
        return true;
}

/* ---- pairs ---- */

/* Of two empty lines that would meet, one goes; at the end of the file, both. */
static void join(const struct ytree *t, size_t least, size_t *begin, size_t *end)
{
        bool before = *begin > 0 && rest_empty(t, line_begin(t, *begin - 1));
        if (!before && *begin > 0)
                return;
        if (*end < t->n) {
                const char *newline = memchr(t->text + *end, '\n', t->n - *end);
                if (newline && rest_empty(t, *end))
                        *end = (size_t)(newline - t->text) + 1;
                return;
        }
        while (*begin > least && rest_empty(t, line_begin(t, *begin - 1)))
                *begin = line_begin(t, *begin - 1);
}

bool yplace_of_pair(const struct ytree *t, const struct ynode *map, const struct ynode *key,
                    size_t *ret_begin, size_t *ret_end)
{
        size_t i = 0;
        while (map->v[i] != key)
                i += 2;
        if (map->flow)
                return of_pair_in_braces(t, map, i, ret_begin, ret_end);
        if (!first_on_line(t, key))
                return false;
        *ret_begin = line_begin(t, key->begin);
        *ret_end = yplace_entry_end(t, behind_value(t, key, map->v[i + 1]), key->column);
        size_t least = i == 0 ? *ret_begin : yplace_line_end(t, map->v[i - 1]->end);
        join(t, least, ret_begin, ret_end);
        return true;
}

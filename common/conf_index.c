/* conf_index.c: a table from strings to numbers, for lookups while loading: names of services, keys of maps, anchors.
 * Keys are borrowed; nothing is ever removed. A few, as most maps have, are compared one by one; more go into a table
 * with open addressing. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const struct conf_index *x, const char *key)
{
        size_t i = (size_t)str_hash(key, strlen(key), 0) & (x->cap - 1);
        while (x->keys[i] && strcmp(x->keys[i], key) != 0)
                i = (i + 1) & (x->cap - 1);
        return i;
}

static void put(struct conf_index *x, const char *key, size_t value)
{
        size_t i = slot_of(x, key);
        x->keys[i] = key;
        x->values[i] = value;
}

static void grow(struct conf_index *x)
{
        struct conf_index old = *x;
        x->cap = old.cap ? 2 * old.cap : 8 * CONF_INDEX_FEW;
        x->keys = xcalloc(x->cap, sizeof(*x->keys));
        x->values = xcalloc(x->cap, sizeof(*x->values));
        for (size_t i = 0; old.cap == 0 && i < old.n; i++)
                put(x, old.few[i].key, old.few[i].value);
        for (size_t i = 0; i < old.cap; i++)
                if (old.keys[i])
                        put(x, old.keys[i], old.values[i]);
        free(old.keys);
        free(old.values);
}

size_t conf_index_get(const struct conf_index *x, const char *key)
{
        if (x->cap > 0) {
                size_t i = slot_of(x, key);
                return x->keys[i] ? x->values[i] : CONF_INDEX_NONE;
        }
        for (size_t i = 0; i < x->n; i++)
                if (strcmp(x->few[i].key, key) == 0)
                        return x->few[i].value;
        return CONF_INDEX_NONE;
}

size_t conf_index_add(struct conf_index *x, const char *key, size_t value)
{
        size_t known = conf_index_get(x, key);
        if (known != CONF_INDEX_NONE)
                return known;
        if (x->cap == 0 && x->n < CONF_INDEX_FEW) {
                x->few[x->n].key = key;
                x->few[x->n].value = value;
        } else {
                if (2 * (x->n + 1) > x->cap)
                        grow(x);
                put(x, key, value);
        }
        x->n++;
        return CONF_INDEX_NONE;
}

void conf_index_done(struct conf_index *x)
{
        free(x->keys);
        free(x->values);
        *x = (struct conf_index){0};
}

/* conf_index.c: a table from strings to numbers, open addressing, for lookups while loading: names of
 * services, keys of large maps, anchors. Keys are borrowed; nothing is ever removed. */
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

static void grow(struct conf_index *x)
{
        struct conf_index old = *x;
        x->cap = old.cap ? 2 * old.cap : 64;
        x->keys = xcalloc(x->cap, sizeof(*x->keys));
        x->values = xcalloc(x->cap, sizeof(*x->values));
        for (size_t i = 0; i < old.cap; i++) {
                if (!old.keys[i])
                        continue;
                size_t k = slot_of(x, old.keys[i]);
                x->keys[k] = old.keys[i];
                x->values[k] = old.values[i];
        }
        free(old.keys);
        free(old.values);
}

size_t conf_index_get(const struct conf_index *x, const char *key)
{
        if (x->cap == 0)
                return CONF_INDEX_NONE;
        size_t i = slot_of(x, key);
        return x->keys[i] ? x->values[i] : CONF_INDEX_NONE;
}

size_t conf_index_add(struct conf_index *x, const char *key, size_t value)
{
        if (2 * (x->n + 1) > x->cap)
                grow(x);
        size_t i = slot_of(x, key);
        if (x->keys[i])
                return x->values[i];
        x->keys[i] = key;
        x->values[i] = value;
        x->n++;
        return CONF_INDEX_NONE;
}

void conf_index_done(struct conf_index *x)
{
        free(x->keys);
        free(x->values);
        *x = (struct conf_index){0};
}

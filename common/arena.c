/* arena.c: blocks that double in size, handed out from front to back. */
#include "common/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define FIRST_BLOCK ((size_t)1024)
#define MAX_BLOCK   ((size_t)65536) /* below what malloc asks the kernel for each time */

struct arena_block {
        struct arena_block *before;
        size_t size;
        alignas(max_align_t) char bytes[];
};

static void add_block(struct arena *a, size_t at_least)
{
        size_t size = a->last ? MIN(2 * a->last->size, MAX_BLOCK) : FIRST_BLOCK;
        size = MAX(size, at_least);
        struct arena_block *block = xmalloc(sizeof(*block) + size);
        block->before = a->last;
        block->size = size;
        a->last = block;
        a->free = block->bytes;
        a->left = size;
}

static void *take(struct arena *a, size_t size_bytes)
{
        if (size_bytes > a->left)
                add_block(a, size_bytes);
        char *p = a->free;
        a->free += size_bytes;
        a->left -= size_bytes;
        return p;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
        const size_t unit = alignof(max_align_t);
        size_t skip = a->last ? (size_t) - (uintptr_t)a->free & (unit - 1) : 0;
        take(a, MIN(skip, a->left));
        void *p = take(a, size_bytes);
        memset(p, 0, size_bytes);
        return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n_bytes)
{
        char *p = take(a, n_bytes + 1);
        memcpy(p, s, n_bytes);
        p[n_bytes] = '\0';
        return p;
}

void arena_done(struct arena *a)
{
        while (a->last) {
                struct arena_block *block = a->last;
                a->last = block->before;
                free(block);
        }
        *a = (struct arena){0};
}

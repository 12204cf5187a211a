/* arena: memory for many small things that go all at once, such as the nodes of a document: they cost no more than their
 * bytes, and giving them back costs nothing for each.
 *
 * Zero-initialise. What was allocated is aligned for any type, never NULL, and lives until arena_done.
 */
#ifndef SVCD_COMMON_ARENA_H
#define SVCD_COMMON_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
        struct arena_block *last;
        char *free;
        size_t left;
};

void *arena_alloc(struct arena *a, size_t size_bytes); /* zeroed */
char *arena_strndup(struct arena *a, const char *s, size_t n_bytes);
void arena_done(struct arena *a);

#endif

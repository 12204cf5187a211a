/* pstree: the processes of one service as a tree that is drawn: in which order, with which lines in front. Pure.
 */
#ifndef SVCD_CTL_PSTREE_H
#define SVCD_CTL_PSTREE_H

#include <stdbool.h>

#include "common/proctree.h"

#define PSTREE_DEPTH_MAX 32 /* what is deeper is drawn as if it were not */

/* Calls EACH for the processes of T, whose root is ROOT, a parent before its children and those before its next
 * sibling. PREFIX: what is drawn in front of it, in UTF-8 or in ASCII. */
typedef void pstree_fn(const struct proctree_process *p, const char *prefix, void *ctx);
void pstree_draw(const struct proctree *t, pid_t root, bool utf8, pstree_fn *each, void *ctx);

#endif

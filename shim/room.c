/* room: see room.h. It asks; what is dropped, and said of it, is lost.c's. */
#include "shim/room.h"

#include <sys/vfs.h>

#include "shim/discard.h"

#define LOOK_US INT64_C(1000000)

/* INT64_MAX if it does not tell. */
static int64_t free_bytes(int fd)
{
        struct statfs fs;
        if (fstatfs(fd, &fs) < 0 || fs.f_bsize <= 0)
                return INT64_MAX;
        uint64_t blocks = (uint64_t)fs.f_bavail, size = (uint64_t)fs.f_bsize;
        return blocks > INT64_MAX / size ? INT64_MAX : (int64_t)(blocks * size);
}

static void look(struct log *l, int64_t now_us)
{
        int64_t limit = l->min_free + (l->short_of_room ? l->min_free / 8 : 0);
        int64_t free = free_bytes(l->fd);
        if (free < limit && discard_wait())
                free = free_bytes(l->fd);
        l->room_at_us = now_us + LOOK_US;
        l->room = INT64_MAX;
        if (free == INT64_MAX)
                return;
        l->short_of_room = free < limit;
        l->room = (free - limit) / 2;
}

bool room_is_short(struct log *l, size_t n, int64_t now_us)
{
        if (l->min_free <= 0)
                return false;
        l->room -= (int64_t)n;
        if (now_us >= l->room_at_us || (!l->short_of_room && l->room < 0))
                look(l, now_us);
        return l->short_of_room;
}

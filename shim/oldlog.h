/* oldlog: the rotated files of a log. NAME.log.1 is the newest. Each of them is plain, or compressed and
 * then called NAME.log.N.gz or NAME.log.N.zst. As long as a shim lives it is the only one that gives these
 * files other names: what svcd wants of them (compressed ones put in the place of plain ones, some deleted)
 * it does on svcd's word, between two rotations, so that nothing is ever mistaken for something else.
 *
 * Whatever the shim dies of, and when: no file is lost or overwritten; there may be a number that no file
 * has, which the next rotation fills; and a file may be there both plain and compressed (with the same time
 * of its last change), of which svcd deletes one.
 */
#ifndef SVCD_SHIM_OLDLOG_H
#define SVCD_SHIM_OLDLOG_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the file at PATH, if there is one, PATH.1, and each older one older by one as far as that is needed;
 * those beyond KEEP are deleted. 0 or -errno: then nothing is lost, and PATH is where it was. */
int oldlog_push(const char *path, unsigned keep);

/* Makes room on a full disk: deletes the file with number KEEP. Whether there was one. */
bool oldlog_drop_last(const char *path, unsigned keep);

/* The plain file that was PATH.NUMBER and has INODE (it may have become older since) is replaced by
 * .NAME.log.INODE.pack beside it, which is the same compressed; SUFFIX: ".gz" or ".zst". 0 or -errno: -ENOENT if
 * there is no such file any more. */
int oldlog_pack(const char *path, unsigned number, uint64_t inode, const char *suffix);

/* The file, plain or compressed, that was PATH.NUMBER and has INODE is deleted. 0 or -errno. */
int oldlog_drop(const char *path, unsigned number, uint64_t inode);

#endif

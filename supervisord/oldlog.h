/* oldlog: the rotated files of a log, and their names, for logs that no shim holds: svcd.log, and those of
 * services that are down. Where a shim lives it does the same (shim/oldlog.h, where it is said what holds when
 * somebody is killed meanwhile), and nobody else may.
 */
#ifndef SVCD_SUPERVISORD_OLDLOG_H
#define SVCD_SUPERVISORD_OLDLOG_H

#include <stdbool.h>
#include <stdint.h>

#define OLDLOG_NUMBER_MAX 1100 /* log.keep is not larger than 1000 */
#define OLDLOG_NAME_MAX   96   /* bytes of a service's name, more than there can be */

enum oldlog_kind { OLDLOG_PLAIN, OLDLOG_GZIP, OLDLOG_ZSTD, OLDLOG_KINDS };

/* "", ".gz", ".zst" */
const char *oldlog_suffix(enum oldlog_kind kind);

/* Makes the file at PATH, if there is one, PATH.1, and each older one older by one as far as that is needed;
 * those beyond KEEP are deleted. 0 or -errno: then nothing is lost, and PATH is where it was. */
int oldlog_push(const char *path, int keep);

/* The plain file PATH.NUMBER with INODE is replaced by what is compressed in oldlog_pack_path. 0 or -errno:
 * -ENOENT if it is not that file. */
int oldlog_pack(const char *path, int number, uint64_t inode, enum oldlog_kind kind);

/* Whether no rotated file is older than the one with INODE, which had NUMBER or has become older since; meanwhile
 * somebody may rotate. False too if it is gone. */
bool oldlog_is_oldest(const char *path, int number, uint64_t inode);

/* The file PATH.NUMBER, plain or compressed, with INODE is deleted. 0 or -errno, as above. */
int oldlog_drop(const char *path, int number, uint64_t inode);

/* Where the compressed content of the file with INODE waits to take its place (WHOLE), or is being made. Caller
 * frees. */
char *oldlog_pack_path(const char *path, uint64_t inode, bool whole);

/* What the file called NAME in the folder of logs is: the log of SERVICE (*ret_number 0), or one of its rotated
 * files. False: neither. */
bool oldlog_parse(const char *name, char service[OLDLOG_NAME_MAX], int *ret_number,
                  enum oldlog_kind *ret_kind);

/* Whether NAME is one of oldlog_pack_path's; the inode is that of the file that is compressed. */
bool oldlog_parse_pack(const char *name, uint64_t *ret_inode);

#endif

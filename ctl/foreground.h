/* foreground: one command in svcctl's place: it has svcctl's stdin, stdout, stderr and terminal, gets the signals that
 * svcctl gets, and svcctl ends as it does.
 *
 * The command stays in svcctl's process group, so that the terminal's signals and pipelines of the caller's shell
 * work as if svcctl were not there; what the terminal sends to the whole group is not sent on a second time. When the
 * command stops (Ctrl-Z) so does svcctl, and both go on together.
 */
#ifndef SVCD_CTL_FOREGROUND_H
#define SVCD_CTL_FOREGROUND_H

/* What the new process does before it executes: 0, or -errno and in *ret_step where it failed (enum of the caller's,
 * from 1 on; FOREGROUND_EXEC is the execution itself). It is a process of its own, with all of svcctl's memory. */
typedef int foreground_enter_fn(void *user, int *ret_step);

#define FOREGROUND_FORK (-1)
#define FOREGROUND_EXEC 0

/* Runs ARGV, looked for in the PATH of ENVP. 0 when it has ended, and its exit status (128+n: by signal n) in
 * *ret_status; or -errno and *ret_step. */
int foreground_run(char **argv, char **envp, foreground_enter_fn *enter, void *user,
                   int *ret_status, int *ret_step);

#endif

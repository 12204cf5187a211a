/* answer: whether what an account's svcd has answered is something that a svcd can answer. Root asks every account of
 * the host, or that of --root, and whoever has one may listen there himself and say anything: a figure below zero, a
 * name that is none, one service twice, nothing at all. That is foreign input, and it is judged here, in one place,
 * before anybody adds it up or prints it.
 *
 * It is a judgement of form: that the figures are true is nothing that could be seen in them. Members that are not
 * known here are left alone, and all but a few may be missing or null: svcctl works with a svcd of another version.
 */
#ifndef SVCD_CTL_ANSWER_H
#define SVCD_CTL_ANSWER_H

#include "ctl/client.h"

/* What is wrong with the answer to METHOD, in words that hold nothing of what was answered but numbers
 * ("services[3].cpu_ms is -5"; caller frees), or NULL. An error is an answer, too. */
char *answer_wrong(const char *method, const struct reply *reply);

/* Of an answer in which nothing is wrong: members that are not known here are taken out. Nobody fills root's memory
 * with what nobody reads. */
void answer_keep_known(const char *method, struct reply *reply);

#endif

/* completion_scripts: packaging/completions/ as text (generated). */
#ifndef SVCD_CTL_COMPLETION_SCRIPTS_H
#define SVCD_CTL_COMPLETION_SCRIPTS_H

extern const char completion_bash[], completion_zsh[], completion_fish[];

#endif

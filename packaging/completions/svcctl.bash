# Completion of svcctl's command lines for bash, with or without bash-completion. What may stand where is what svcctl
# itself says: `svcctl completion words`.
#
# Installed, bash-completion finds it. Without that:  source <(svcctl completion bash)

_svcctl()
{
	local IFS=$' \t\n' svcctl rest=$COMP_LINE piece breaks= c i
	local -a words=() at=()
	# readline also takes words apart at = : and @; where no blank was, they belong together.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		piece=${COMP_WORDS[i]}
		if ((i > 0)) && [[ $rest == "$piece"* && $piece ]]; then
			words[${#words[@]} - 1]+=$piece
		else
			rest=${rest#"${rest%%[![:blank:]]*}"}
			at[${#words[@]}]=$i
			words+=("$piece")
		fi
		rest=${rest#"$piece"}
	done
	for c in = : @; do
		[[ $COMP_WORDBREAKS != *"$c"* ]] || breaks+=$c
	done
	local current=${words[${#words[@]} - 1]} head=
	[[ ! $breaks || $current != *[$breaks]* ]] || head=${current%"${current##*[$breaks]}"}

	svcctl=$(type -P "${1/#\~\//$HOME/}") || svcctl=svcctl
	words=("${words[@]//[\"\'\\]/}")
	COMPREPLY=()
	local word help
	while IFS=$'\t' read -r word help; do
		case $word in
		:files) compopt -o default ;;
		:folders) compopt -o dirnames ;;
		:open) compopt -o nospace ;;
		:command*)
			i=${at[${word#:command }]}
			if declare -F _command_offset >/dev/null; then
				_command_offset "$i"
			elif ((i == COMP_CWORD)); then
				COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
			else
				compopt -o default
			fi
			;;
		*) COMPREPLY+=("${word#"$head"}") ;;
		esac
	done < <("$svcctl" completion words -- "${words[@]}" 2>/dev/null)
}

complete -F _svcctl svcctl

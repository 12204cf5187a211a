# Completion of svcctl's command lines for fish. What may stand where is what svcctl itself says: `svcctl completion
# words`.
#
# Installed, fish finds it. Without that:  svcctl completion fish | source

function __svcctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l svcctl (string replace -r '^~/' "$HOME/" -- $words[1])
    type -q $svcctl; or set svcctl svcctl
    set -l head (string match -r '^--[^=]*=' -- $current)
    set -l tail (string replace -r '^--[^=]*=' '' -- $current)
    for line in ($svcctl completion words -- $words "$current" 2>/dev/null)
        switch $line
            case ':files'
                string replace -r '^' -- "$head" (complete -C "'' $tail")
            case ':folders'
                string replace -r '^' -- "$head" (__fish_complete_directories "$tail")
            case ':command *'
                set -l first (math (string replace ':command ' '' -- $line) + 1)
                complete -C (string join ' ' -- (string escape -- $words[$first..-1]) "$current")
            case ':*'
            case '*'
                echo $line
        end
    end
end

complete -c svcctl -f -a '(__svcctl_complete)'

# Completion of nydusify for fish. Into a file: nydusify completion fish > ~/.config/fish/completions/nydusify.fish
function __nydusify_complete
    set -l before (commandline -opc)
    set -e before[1]
    set -l word (commandline -ct)
    set -l answer (nydusify completion words -- $before "$word" 2>/dev/null)
    set -l kind (string split ' ' -- "$answer[1]")
    set -e answer[1]
    switch "$kind[1]"
        case words
            printf '%s\n' $answer
        case files folders
            set -l prefix (string sub -l $kind[2] -- "$word")
            set -l path (string sub -s (math $kind[2] + 1) -- "$word")
            if test $kind[1] = files
                set answer (__fish_complete_path "$path")
            else
                set answer (__fish_complete_directories "$path" '')
            end
            for found in $answer
                printf '%s\n' "$prefix$found"
            end
    end
end
complete -c nydusify -f -k -a '(__nydusify_complete)'

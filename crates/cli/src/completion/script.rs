//! The shells' scripts.

/// `PROGRAM` stands for the program's name.
const BASH: &str = r#"# bash completion for PROGRAM
_PROGRAM_complete() {
    local IFS=$'\n' line directive=0 cur words
    cur="${COMP_WORDS[COMP_CWORD]}"
    # Names with a colon are one word.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        local cword
        _get_comp_words_by_ref -n "=:" cur words cword
    else
        words=("${COMP_WORDS[@]:0:COMP_CWORD}" "$cur")
        cword=$COMP_CWORD
    fi
    COMPREPLY=()
    while read -r line; do
        case "$line" in
            :[0-9]*) directive="${line#:}" ;;
            *) line="${line%%$'\t'*}"; [[ "$line" == "$cur"* ]] && COMPREPLY+=("$line") ;;
        esac
    done < <("${words[0]}" __complete "${words[@]:1:cword-1}" "$cur" 2>/dev/null)
    if (( (directive & 2) != 0 )); then compopt -o nospace; fi
    if (( (directive & 4) == 0 && ${#COMPREPLY[@]} == 0 )); then compopt -o default; fi
    declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
}
complete -F _PROGRAM_complete PROGRAM
"#;

const ZSH: &str = r#"#compdef PROGRAM
_PROGRAM() {
    local line directive=0
    local -a found
    while IFS= read -r line; do
        case "$line" in
            :[0-9]*) directive="${line#:}" ;;
            *$'\t'*) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
            *) found+=("${line//:/\\:}") ;;
        esac
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT-1]}" "${words[CURRENT]}" 2>/dev/null)
    local -a options
    (( directive & 2 )) && options=(-S '')
    if (( ${#found} )); then
        _describe -t values 'PROGRAM' found "${options[@]}"
    elif (( !(directive & 4) )); then
        _files
    fi
}
compdef _PROGRAM PROGRAM
"#;

const FISH: &str = r#"# fish completion for PROGRAM
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    for line in $lines
        string match -q -r '^:[0-9]+$' -- $line; or echo $line
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
"#;

/// The script for a shell; `None` for one that we do not know.
pub(crate) fn script(program: &str, shell: &str) -> Option<String> {
    let text = match shell {
        "bash" => BASH,
        "zsh" => ZSH,
        "fish" => FISH,
        _ => return None,
    };
    Some(text.replace("PROGRAM", program))
}

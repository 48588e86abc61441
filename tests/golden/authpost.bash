_authpost() {
    local word=$2 before=${COMP_WORDS[COMP_CWORD-1]} verb=send options= each i typed path dir
    local -a operands=()
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD-2]}
    [[ $word == = ]] && word=
    if [[ ${COMP_WORDS[1]} == from-curl && $COMP_CWORD -gt 1 ]]; then
        if ((COMP_CWORD == 2)); then
            COMPREPLY=($(compgen -W curl -- "$word"))
        elif declare -F _comp_command_offset >/dev/null; then
            _comp_command_offset 2
        elif declare -F _command_offset >/dev/null; then
            _command_offset 2
        fi
        return
    fi
    typed=${COMP_LINE:0:COMP_POINT}
    typed=${typed##*[[:space:]]}
    if [[ $typed == @* || $typed == *=@* ]]; then
        [[ $typed == @* ]] && path=${typed#@} || path=${typed#*=@}
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -P "${2%"$path"}" -f -- "$path")
        return
    fi
    case $before in
    -X|\
    --method)
        COMPREPLY=($(compgen -W 'POST PUT PATCH' -- "$word"))
        return ;;
    --group-format)
        COMPREPLY=($(compgen -W 'array ndjson' -- "$word"))
        return ;;
    --color)
        COMPREPLY=($(compgen -W 'auto always never' -- "$word"))
        return ;;
    --completions)
        COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word"))
        return ;;
    --token-env)
        COMPREPLY=($(compgen -e -- "$word"))
        return ;;
    --spool)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return ;;
    --url-file|\
    --token-file|\
    --oauth2-file|\
    --header-file|\
    --lock|\
    --cacert|\
    --cert|\
    --key|\
    --lines|\
    --failed|\
    --resume|\
    --config)
        :
        return ;;
    -d|\
    --data|\
    --token-command|\
    --auth-scheme|\
    --auth-header|\
    -H|\
    --header|\
    --timeout|\
    --connect-timeout|\
    --tries|\
    --wait|\
    --max-wait|\
    --idempotency-key|\
    --idempotency-header|\
    --splay|\
    --max-time|\
    --spool-limit|\
    --alert-after|\
    --expect|\
    --accept-status|\
    --proxy|\
    --max-response|\
    --group|\
    --group-bytes|\
    --skip|\
    --max-line|\
    --rate|\
    --pick)
        compopt +o default 2>/dev/null
        return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        each=${COMP_WORDS[i]}
        case ${COMP_WORDS[i - 1]} in =|-d|--data|-X|--method|--url-file|--token-file|--token-env|--token-command|--oauth2-file|--auth-scheme|--auth-header|-H|--header|--header-file|--timeout|--connect-timeout|--tries|--wait|--max-wait|--idempotency-key|--idempotency-header|--splay|--lock|--max-time|--spool|--spool-limit|--alert-after|--expect|--accept-status|--cacert|--cert|--key|--proxy|--max-response|--lines|--group|--group-bytes|--group-format|--failed|--resume|--skip|--max-line|--rate|--color|--pick|--config|--completions) continue ;; esac
        [[ $each == -* || $each == = ]] || operands+=("$each")
    done
    [[ ${operands[0]} == @(send|check|flush|list|show|retry|drop|from-curl|help) ]] && verb=${operands[0]}
    if [[ $word == -* ]]; then
        [[ $verb == @(send|check) ]] && options+='
            -d --data --no-body -X --method --url-file --token-file --token-env
            --token-command --oauth2-file --no-auth --auth-scheme --auth-header
            -H --header --header-file --connect-timeout --tries --wait
            --max-wait --idempotent --idempotency-key --idempotency-header
            --no-idempotency-key --spool --spool-limit --expect --any-answer
            --accept-status --cacert --cert --key --proxy -4 --ipv4 -6 --ipv6
            --allow-http --insecure --max-response --lines --group --group-bytes
            --all-or-nothing --group-format --failed --resume --skip --max-line
            --rate --pretty --pick
        '
        [[ $verb == @(send|check|flush) ]] && options+='
            --timeout --splay --lock --max-time --alert-after -v --verbose
            --report
        '
        [[ $verb == @(retry) ]] && options+='
            --now
        '
        [[ $verb == @(retry|drop) ]] && options+='
            --all
        '
        [[ $verb == @(send|check|flush|retry|drop) ]] && options+='
            -q --quiet
        '
        [[ $verb == @(send|check|flush|list|show|retry|drop) ]] && options+='
            --color --config -h --help --man --completions -V --version
        '
        [[ $verb == @(list) ]] && options+='
            --json --metrics
        '
        [[ $verb == @(send) ]] && options+='
            --dry-run
        '
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif ((${#operands[@]} == 0)); then
        COMPREPLY=($(compgen -W 'check flush list show retry drop from-curl help' -- "$word"))
    elif [[ $verb == help ]]; then
        COMPREPLY=($(compgen -W 'check flush list show retry drop from-curl document token delivery connection lines output other' -- "$word"))
    elif [[ $verb == @(flush|list|show|retry|drop) ]] && ((${#operands[@]} == 1)); then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
    elif [[ $verb == @(show|retry|drop) ]]; then
        compopt +o default 2>/dev/null
        dir=${operands[1]//[\\\'\"]/}
        while read -r each typed; do
            [[ $each =~ ^[0-9a-z]{8}$ && $each == "$word"* ]] && COMPREPLY+=("$each")
        done < <("${COMP_WORDS[0]/#~\//$HOME/}" list --color=never "${dir/#~\//$HOME/}" 2>/dev/null)
    else
        compopt +o default 2>/dev/null
    fi
}
complete -o default -F _authpost authpost

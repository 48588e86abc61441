_authpost() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=send options= each
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $before in
    -X|--method)
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
    --token-env|\
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
    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $each == @(send|check|flush|list|show|retry|drop|from-curl) ]]; then
            verb=$each
            break
        fi
    done
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
    elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'check flush list show retry drop from-curl' -- "$word"))
    fi
}
complete -o default -F _authpost authpost

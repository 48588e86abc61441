#!/bin/sh
# A newcomer's first POST: demo.sh AUTHPOST API. Starts the API, posts to it, shows both, and leaves nothing behind.
# With KEEP=1 the API runs on until Enter is pressed, with three commands to try. Needs no more than sh and the core
# utilities. The API ends when its stdin does, so also when this script is killed.
set -eu
authpost=$1
api=$2

dir=$(mktemp -d)
trap 'exec 3>&-; wait; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# What the caller's environment says is for other runs.
unset AUTHPOST_CONFIG
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

# Made up for this run, as an API would hand it out.
token=demo-$$
mkfifo "$dir/stdin" "$dir/url"
DEMO_TOKEN=$token "$api" <"$dir/stdin" >"$dir/url" &
exec 3>"$dir/stdin"
read -r url <"$dir/url" || { echo "demo: the API did not start" >&2; exit 1; }

cat <<END

A small API now listens on this machine. It demands a bearer token, and answers with what it was sent.

\$ AUTHPOST_TOKEN=$token $authpost $url key1=value1 key2=value2
END
code=0
AUTHPOST_TOKEN=$token "$authpost" "$url" key1=value1 key2=value2 2>&1 3>&- || code=$?
if [ "$code" -ne 0 ]; then
    echo "demo: authpost ended with exit code $code" >&2
    exit "$code"
fi
cat <<END

The first line is the status (on stderr), the JSON is the API's answer (on stdout), and the exit code was 0: accepted.
END
if [ "${KEEP:-0}" != 1 ]; then
    echo "The API is stopped. 'make demo KEEP=1' keeps it. Next: $authpost -h, or make install."
    exit
fi
(umask 077 && echo "$token" >"$dir/token")
cat <<END
The API still runs. Try in another terminal:

1. A wrong token. The exit code says what to do next; 77 means: fix the token.
\$ AUTHPOST_TOKEN=wrong $authpost $url key=value; echo "exit code \$?"

2. A thousand documents over one connection, in requests of 100. The token comes from a file.
\$ seq 1000 | $authpost -q --token-file $dir/token --lines - --group 100 $url && echo accepted

3. An API that is down: nothing listens on port 1. The document stays in a spool until a flush delivers it.
\$ $authpost --token-file $dir/token --spool $dir/spool --tries 1 http://127.0.0.1:1/data key=value; $authpost list $dir/spool

Press Enter to stop the API.
END
read -r _ || :
echo "The API is stopped. Next: $authpost -h, or make install."

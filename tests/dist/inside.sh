#!/bin/sh
# What a new user does, on a fresh Debian that has just booted: inside.sh NAME deb|tar URL. /shared holds the packages, the
# README, and log, where the API notes each POST. Its exit code goes to /shared/NAME.exit, and the machine is turned off.
set -u
name=$1 kind=$2 url=$3
export HOME=/root TERM=dumb LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

fail() { echo "$name: $*" >&2; exit 1; }

# Waits until the API has this document of this path.
arrives() {
    timeout 100 sh -c 'until grep -qF "$1" /shared/log; do sleep 0.2; done' sh "$1" || fail "no POST came: $1"
}

# The blocks of this kind in the README, here for this API.
readme() { # KIND NUMBER PATH
    awk -v fence="\`\`\`$1" -v number="$2" '
        $0 == "```" { inside = 0 }
        inside && seen == number
        $0 == fence { inside = 1; seen++ }' /shared/README.md |
        sed "s|https://api.example.com/data|$url/$name/$3|"
}

# The README's line that installs on this platform, here as root, with the release in /shared.
readme_installs() { # PLATFORM
    sed -n "s/^- $1: \`\(.*\)\`\$/\1/p" /shared/README.md |
        sed 's|https://github.com/authpost/authpost/releases/download/v[0-9.]*/|file:///shared/|; s/sudo //'
}

try() {
    set -e
    if [ "$kind" = deb ]; then
        program=/usr/bin/authpost
        apt-get -q install -y /shared/older.deb
        cd /tmp
        export DEBIAN_FRONTEND=noninteractive
        readme_installs "Debian, Ubuntu" | grep -w "apt install" | sed 's/apt install/apt install -y/' >/tmp/install
        sh -eux /tmp/install
        dpkg-query -W -f '${Status} ${Version}\n' authpost | grep -v ' 0~older' | grep '^install ok installed'
    else
        program=/usr/local/bin/authpost
        ls -ld /usr/local/* >/tmp/before
        readme_installs "Any Linux" | grep -w tar >/tmp/install
        sh -eux /tmp/install
        ls -ld /usr/local/* >/tmp/after
        cut -c 1-10 /tmp/before | cmp - /dev/stdin <<END || fail "the tarball changed directories"
$(grep -wF "$(sed 's/.* //' /tmp/before)" /tmp/after | cut -c 1-10)
END
    fi
    [ "$(command -v authpost)" = "$program" ]
    authpost -V

    # The manuals open, and the Tab key completes: 'fi' alone is refused.
    MANWIDTH=80 man authpost >/tmp/page
    grep -q '^AUTHPOST(1) ' /tmp/page
    MANWIDTH=80 man authpost-spool | grep -q '^AUTHPOST-SPOOL(7) '
    printf '%s\n' '. /usr/share/bash-completion/bash_completion' 'authpost --completions fi	>/tmp/completed' exit |
        script -qec 'bash --norc -i' /dev/null >/dev/null
    grep -q '^complete -c authpost' /tmp/completed

    # The README's first example. The token is typed into the command that stores it.
    readme console 1 post | sed -n 's/^\$ //p' >/tmp/example
    echo s3cr3t | sh -eux /tmp/example >/tmp/answer
    grep -qxF '{"received":{"key1":"value1","key2":"value2"}}' /tmp/answer
    arrives "/$name/post {\"key1\":\"value1\",\"key2\":\"value2\"}"

    # its cron job, every minute rather than every night
    readme crontab 1 cron | sed 's/^17 3 /* * /' | crontab -
    crontab -l

    # and its timer, every second rather than every day.
    install -D -m 600 ~/.api-token /etc/report/api-token
    mkdir -p /var/lib/report /etc/systemd/system/report.timer.d
    echo '{"from":"systemd"}' >/var/lib/report/report.json
    readme ini 1 timer >/etc/systemd/system/report.service
    readme ini 2 timer >/etc/systemd/system/report.timer
    cat >/etc/systemd/system/report.timer.d/soon.conf <<END
[Timer]
OnCalendar=
OnCalendar=*:*:*
RandomizedDelaySec=0
AccuracySec=1ms
END
    systemctl daemon-reload
    systemd-analyze verify /etc/systemd/system/report.timer
    systemctl enable --now report.timer
    arrives "/$name/timer {\"from\":\"systemd\"}"
    systemctl stop report.timer
    [ "$(systemctl show -P Result report.service)" = success ]

    arrives "/$name/cron {\"host\":\"web1\",\"day\":\"$(date +%Y-)"

    if [ "$kind" = deb ]; then
        dpkg -L authpost >/tmp/files
        apt-get -q purge -y authpost
        while read -r file; do
            if [ -f "$file" ]; then fail "$file was left behind"; fi
        done </tmp/files
    fi
    set +e
}

(try) >"/shared/$name.out" 2>&1
code=$?
[ "$code" = 0 ] || journalctl -b --no-pager -n 50 >>"/shared/$name.out" 2>&1
echo "$code" >"/shared/$name.exit"
systemctl --no-block poweroff

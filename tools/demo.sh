#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `make demo`: two days of made-up flow logs, the service on its embedded default, one diff of the two days by
# HTTP, and a picture of what happened between them. Everything lives in demo-data/; a second run replaces the
# first. `tools/demo.sh stop` only stops the service.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=$root/build/vpcflow-diffd
flowgen=$root/build/flowgen
data=$root/demo-data
pid_file=$data/service.pid
log=$data/service.log
diff=$data/diff.dot

say() { printf '%s\n' "$*"; }
title() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'demo: %s\n' "$*" >&2
  if [ -s "$log" ]; then
    printf 'demo: the end of %s:\n' "$log" >&2
    tail -n 5 "$log" >&2
  fi
  exit 1
}

# Whether that process is the service on that folder, and not another one that was given its number. One that
# ended but that nobody waited for (a container without an init) has no environment any more.
is_service() {
  [ -r "/proc/$1/environ" ] && tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qxF "DIFF_DATA_DIR=$data"
}

# Stops the service of an earlier run, and nothing else.
stop_service() {
  [ -s "$pid_file" ] || return 0
  old=$(cat "$pid_file")
  if is_service "$old"; then
    kill "$old" 2>/dev/null || true
    tries=0
    while is_service "$old"; do
      tries=$((tries + 1))
      [ $tries -le 400 ] || fail "the service of the last demo, process $old, does not stop; kill -9 $old ends it"
      sleep 0.1
    done
    say "Stopped the service of the last demo (process $old)."
  fi
  rm -f "$pid_file"
}

if [ "${1:-}" = stop ]; then
  stop_service
  exit 0
fi
[ -x "$program" ] && [ -x "$flowgen" ] || fail "build/vpcflow-diffd is not there; run make first"
command -v curl >/dev/null || fail "curl is not there; tools/dependencies.sh demo installs it"

stop_service
rm -rf "$data"
mkdir -p "$data"

title "Two days of flow logs"
"$flowgen" logs --out "$data/flow-logs" --seed 7 --hosts 24 --clients 80 --records 40000 >"$data/flow-logs.txt"
files=$(sed -n 's/^files //p' "$data/flow-logs.txt")
records=$(sed -n 's/^records //p' "$data/flow-logs.txt")
previous=$(sed -n 's/^previous //p' "$data/flow-logs.txt")
next=$(sed -n 's/^next //p' "$data/flow-logs.txt")
say "$records records in $files files, as AWS lays them out, below demo-data/flow-logs/."
say "previous  $previous"
say "next      $next"

title "The service"
# Settings of the caller's environment must not reach it; with none set, everything is embedded. Detached by
# setsid it goes on when this terminal is closed.
env -i PATH="$PATH" HOME="${HOME:-$data}" DIFF_DATA_DIR="$data" RUNTIME_HTTPSERVER_ADDRESS=127.0.0.1:0 \
  setsid "$program" >"$log" 2>&1 </dev/null &
pid=$!
echo $pid >"$pid_file"
port=
tries=0
while [ -z "$port" ]; do
  kill -0 $pid 2>/dev/null || fail "the service ended at once"
  tries=$((tries + 1))
  [ $tries -le 100 ] || fail "the service did not say its port within 10 s"
  sleep 0.1
  port=$(sed -n 's/.*"port":\([0-9][0-9]*\).*/\1/p' "$log" | head -n 1)
done
url=http://127.0.0.1:$port/
say "runs as process $pid and listens on $url (any free port was taken)."

query="previous_start=${previous%/*}&previous_stop=${previous#*/}&next_start=${next%/*}&next_stop=${next#*/}"

title "The diff, by HTTP"
say "curl -X POST '$url?$query'"
status=$(curl -sS --noproxy '*' --max-time 60 -o "$data/post.txt" -w '%{http_code}' -X POST "$url?$query") ||
  fail "the POST failed"
[ "$status" = 202 ] || fail "the POST was answered with $status: $(cat "$data/post.txt")"
say "  202: the job is in the durable queue"
say "curl '$url?$query'"
tries=0
while :; do
  status=$(curl -sS --noproxy '*' --max-time 60 -o "$diff" -w '%{http_code}' "$url?$query") || fail "the GET failed"
  [ "$status" = 204 ] || break
  [ $tries -gt 0 ] || say "  204: it is being made"
  tries=$((tries + 1))
  [ $tries -le 600 ] || fail "the diff is not there after a minute; build/vpcflow-diffd jobs --data-dir=$data says why"
  sleep 0.1
done
[ "$status" = 200 ] || fail "the GET was answered with $status; build/vpcflow-diffd jobs --data-dir=$data says more"
added=$(grep -c 'govpc_diff="ADDED"' "$diff" || true)
removed=$(grep -c 'govpc_diff="REMOVED"' "$diff" || true)
nodes=$(grep -c '^n[0-9_a-f]* \[label=' "$diff" || true)
say "  200: $(wc -c <"$diff") bytes"
say
say "$added edges are new, $removed are gone, and $nodes addresses have to do with them. The first lines:"
sed -n '1,4{s/\(.\{110\}\).*/\1.../;p;}' "$diff"

# Reduces the diff to `STATUS source destination port colour`: the way to a service, once, whoever saw it.
flows() {
  awk '
    / -> / && / govpc_srcPort="0"/ {
      match($0, /govpc_dstPort="[0-9]*"/); port = substr($0, RSTART + 15, RLENGTH - 16)
      status = /govpc_diff="ADDED"/ ? "ADDED" : "REMOVED"
      color = / color="?red"?/ ? "red" : "green"
      key = status " " $1 " " $3 " " port " " color
      if (!(key in seen)) { seen[key] = 1; print key }
    }' "$diff"
}
address() { sed 's/n\([0-9]*\)_\([0-9]*\)_\([0-9]*\)_\([0-9]*\)/\1.\2.\3.\4/g'; }

title "What happened between the days (traffic inside, to a service)"
flows | awk '$2 ~ /^n10_/ && $3 ~ /^n10_/ { printf "  %-8s %-14s -> %-14s port %-5s %s\n", $1, $2, $3, $4, $5 == "red" ? "REJECT" : "ACCEPT" }' |
  address | sort -k 6n -k 2 | head -n 40
scanned=$(flows | awk '$1 == "ADDED" && $2 == "n192_0_2_66"' | wc -l)
say "  and a port scan: 192.0.2.66 was turned away at $scanned ports."

title "A picture"
if command -v dot >/dev/null; then
  # Graphviz takes long for many edges: those inside, and a few of the others, are 90 at the most.
  {
    say 'digraph {'
    say '  rankdir=LR node [shape=box style="rounded,filled" fillcolor="#f4f6fa" fontname="Helvetica" fontsize=11]'
    say '  edge [fontname="Helvetica" fontsize=10]'
    flows | awk '
      function edge(style) { printf "  %s -> %s [label=\"%s\" %s]\n", $2, $3, $4, style; seen[$2]; seen[$3] }
      $2 ~ /^n10_/ && $3 ~ /^n10_/ || others++ < 6 {
        if (count++ < 90)
          edge(($1 == "ADDED" ? "color=\"#1a7f37\" penwidth=1.6" : "color=\"#9a9a9a\" style=dashed") ($5 == "red" ? " fontcolor=\"#cf222e\"" : ""))
      }
      END { for (node in seen) { label = substr(node, 2); gsub(/_/, ".", label); printf "  %s [label=\"%s\"]\n", node, label } }'
    say '}'
  } >"$data/picture.dot"
  if timeout 60 dot -Tsvg -o "$data/picture.svg" "$data/picture.dot" 2>"$data/picture.txt"; then
    say "demo-data/picture.svg: new edges are green, gone ones dashed, labels are ports, red ones rejected."
  else
    say "Graphviz could not draw it: $(head -n 1 "$data/picture.txt")"
  fi
else
  say "Graphviz is not installed; with it, demo-data/picture.svg would show the diff."
fi

title "Where everything is"
say "the diff        demo-data/diff.dot (stored as demo-data/diffs/$("$program" id "${previous%/*}" "${previous#*/}" "${next%/*}" "${next#*/}").dot)"
say "the flow logs   demo-data/flow-logs/"
say "the log         demo-data/service.log"
say "the jobs        build/vpcflow-diffd jobs --data-dir=demo-data"
say "without server  build/vpcflow-diffd diff --stat --logs demo-data/flow-logs \\"
say "                  --previous=$previous \\"
say "                  --next=$next"
say "stop it         kill $pid     (or tools/demo.sh stop; make demo again replaces it)"

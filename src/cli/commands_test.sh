#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a shell sees of the commands: exit statuses, stdout, stderr, pipes.
#   src/cli/commands_test.sh PROGRAM
set -u
export LC_ALL=C

program=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0

# expect STATUS TEXT COMMAND...: the command exits so, and stdout or stderr holds the text.
expect() {
  status=$1
  text=$2
  shift 2
  "$@" >out 2>err </dev/null
  got=$?
  if [ $got != "$status" ]; then
    echo "FAILED: exit status $got instead of $status: $*" >&2
    cat err >&2
    failed=1
  elif ! cat out err | grep -qF -e "$text"; then
    echo "FAILED: no '$text': $*" >&2
    cat out err >&2
    failed=1
  fi
}
run() { env -i HOME=/nonexistent PATH="$PATH" "$@"; }

edge() { printf '\t%s -> %s [govpc_accountID="1" govpc_eniID="e" govpc_srcPort="0" govpc_dstPort="80" govpc_protocol="6" color=green label="x"]\n' "$1" "$2"; }
{ echo 'digraph {'; edge a b; edge b c; printf '}'; } >one.dot
{ echo 'digraph {'; edge b c; edge c d; printf '}'; } >two.dot
{ echo 'digraph {'; edge a b; } >broken.dot

# diff
expect 0 'digraph {' run "$program" diff one.dot one.dot
expect 1 'govpc_diff="ADDED"' run "$program" diff one.dot two.dot
expect 1 'govpc_diff="REMOVED"' run "$program" diff one.dot two.dot
expect 1 'added 1' run "$program" diff --stat one.dot two.dot
expect 0 'removed 0' run "$program" diff --stat one.dot one.dot
expect 2 'it lacks its closing' run "$program" diff one.dot broken.dot
expect 2 'broken.dot:' run "$program" diff --stat broken.dot one.dot
expect 2 'nothing.dot cannot be read: No such file' run "$program" diff one.dot nothing.dot
expect 2 'write --logs' run "$program" diff one.dot .
expect 2 'two graphs are needed' run "$program" diff one.dot
expect 2 'only one of PREVIOUS and NEXT' run "$program" diff - -
expect 2 'go together' run "$program" diff --logs --next=x .
expect 2 'add --logs' run "$program" diff --next=x --previous=y .
expect 2 'add --logs' run "$program" diff --node-ids=original a b
expect 2 'add --logs' run "$program" diff --bad-records=fail a b
expect 2 'did you mean --stat' run "$program" diff --stats one.dot two.dot
expect 2 'write a number' run "$program" diff --threads=0 one.dot two.dot
expect 1 'ADDED' sh -c "cat one.dot | '$program' diff - two.dot"
expect 1 'ADDED' sh -c "cat two.dot | '$program' diff one.dot -"
mkfifo p n
(timeout 20 sh -c "cat one.dot >p" &) ; (timeout 20 sh -c "cat two.dot >n" &)
expect 1 'ADDED' run "$program" diff p n
expect 2 'No space left' sh -c "'$program' diff one.dot two.dot >/dev/full"
expect 2 'Bad file descriptor' sh -c "'$program' diff one.dot two.dot >&-"

# A reader that goes away is met in silence, whether SIGPIPE is at its default or ignored.
i=0
{ echo 'digraph {'; while [ $i -lt 3000 ]; do edge "x$i" y; i=$((i + 1)); done; printf '}'; } >large.dot
for trap in '' "trap '' PIPE;"; do
  expect 0 'digraph {' bash -c "$trap '$program' diff one.dot large.dot | head -n 1; [ \${PIPESTATUS[0]} -ge 2 ]"
  [ ! -s err ] || { echo "FAILED: noise about a closed pipe: $(cat err)" >&2; failed=1; }
done

# graph, and diff of flow logs
record() { echo "2 123456789010 eni-1 $1 $2 40000 $3 6 1 40 $4 $(($4 + 9)) ACCEPT OK"; }
mkdir -p logs/empty
{ record 10.0.0.1 10.0.0.2 80 100; record 10.0.0.1 10.0.0.3 443 100; record 10.0.0.1 10.0.0.3 443 4000; } >logs/a.log
{ record 10.0.0.1 10.0.0.2 80 200; echo broken; } >logs/b.log
expect 0 'n10_0_0_1 -> n10_0_0_2' run "$program" graph logs/a.log
expect 0 'n10001 -> n10003' run "$program" graph --node-ids=original logs/a.log
expect 0 '[label="10.0.0.3"]' sh -c "gzip -c logs/a.log | '$program' graph -"
expect 0 'lines are no flow records' run "$program" graph logs
expect 2 'b.log' run "$program" graph --bad-records=fail logs
expect 0 'the graph is empty' run "$program" graph --start=2001-01-01T00:00:00Z --stop=2002-01-01T00:00:00Z logs/a.log
expect 2 'which flow logs' run "$program" graph
expect 2 'go together' run "$program" graph --start=2001-01-01T00:00:00Z logs
expect 2 'should be before --stop' run "$program" graph --stop=2001-01-01T00:00:00Z --start=2002-01-01T00:00:00Z logs
expect 2 'missing' run "$program" graph logs/missing
expect 1 'n10_0_0_1 -> n10_0_0_3' run "$program" diff --logs logs/b.log logs/a.log
expect 1 'added 0' run "$program" diff --logs --stat logs/a.log logs/b.log
expect 1 'removed 1' run "$program" diff --logs --stat --previous=1970-01-01T00:00:00Z/1970-01-01T00:03:00Z \
  --next=1970-01-01T01:00:00Z/1970-01-01T02:00:00Z logs/a.log
expect 0 'added 0' run "$program" diff --logs --stat logs/a.log logs/a.log
expect 2 'stdin can be read once only' run "$program" diff --logs --previous=x/y --next=x/y -

# id
expect 0 '3922f049-51e0-5ae0-ac67-2ae395a74eed' run "$program" id 2019-07-01T00:00:00Z 2019-07-02T00:00:00Z \
  2019-07-02T02:00:30+02:00 2019-07-03T00:00:00Z
expect 2 'NEXT_STOP' run "$program" id 2019-07-01T00:00:00Z 2019-07-02T00:00:00Z 2019-07-02T00:00:00Z yesterday
expect 2 'four times are needed, 1 is given' run "$program" id x

# config
expect 0 'RUNTIME_HTTPSERVER_ADDRESS' run "$program" config
expect 2 'DIFF_ROLE=boss' run DIFF_ROLE=boss "$program" config
expect 2 'DIFF_STORAGE=embedded' run VPC_FLOW_LOGS_DIR=/l "$program" config
expect 0 '(hidden)' run AWS_SECRET_ACCESS_KEY=hunter2 "$program" config
! grep -q hunter2 out || { echo "FAILED: a secret is shown" >&2; failed=1; }
expect 2 'exclude each other' run "$program" config --json --man

# serve: what the settings lack is told all at once, and the likely cause of it too
expect 2 'note: VPC_FLOW_LOG_DIR: there is no such setting; did you mean VPC_FLOW_LOGS_DIR?' \
  run VPC_FLOW_LOG_DIR=/l DIFF_STORAGE=embedded "$program"
expect 2 'no grapher is chosen' run VPC_FLOW_LOG_DIR=/l DIFF_STORAGE=embedded "$program" serve
expect 2 'one argument too many' run "$program" serve now

# jobs
expect 2 'there is no queue in' run DIFF_DATA_DIR="$folder/none" "$program" jobs
expect 2 'neither list nor retry' run "$program" jobs drop
expect 2 'retry needs the id' run "$program" jobs retry
expect 2 'is no id' run "$program" jobs retry ../x

# the rest
for command in serve diff graph id jobs config; do
  expect 0 "usage: vpcflow-diffd $command" run "$program" "$command" --help
  expect 0 "usage: vpcflow-diffd $command" run "$program" help "$command"
  expect 0 'vpcflow-diffd 0.' run "$program" "$command" --version
done
expect 0 'Commands:' run "$program" --help
expect 0 'Commands:' run "$program" help
expect 0 'vpcflow-diffd 0.' run "$program" --version
expect 2 'did you mean `diff`' run "$program" dif
expect 2 'there is no option --verbose' run "$program" --verbose
expect 2 'No space left' sh -c "'$program' --help >/dev/full"

exit $failed

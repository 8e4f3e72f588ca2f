#!/bin/sh
# The failover part of a planned drill by plain shell: the same acts as Muster's and the same proofs, by psql, git,
# knsupdate and kdig. Prints how many milliseconds it took, from the first fence to the last name server's answer, and
# how many of them until all was promoted.
#
#   tests/bench/failover.sh FOLDER      the folder of a lab that is up (`lab -- up --dir FOLDER`)
#
# Fences the database and the repositories in the primary region, at the same time: refused writes on a session from
# before and on a new one, and no other session left. Drains and promotes the database in the secondary region, proven by
# a write; then the repositories, proven by a push. Moves both names, each on condition that it is as it was, and asks
# every name server until it has the change. `tests/bench/failover.py` runs it beside Muster.
set -eu
LAB=$1
setting() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$LAB/lab.json" | head -n 1; }
fail() { echo "failover.sh: $1" >&2; exit 1; }
OLD=127.0.10.1 NEW=127.0.20.1
PGPORT=$(sed -n '/"ports"/,/}/s/^ *"postgres": *\([0-9]*\),*$/\1/p' "$LAB/lab.json")
GITPORT=$(sed -n '/"ports"/,/}/s/^ *"git": *\([0-9]*\),*$/\1/p' "$LAB/lab.json")
FIRST=$(setting names) SECOND=$(setting second_names) KEY=$(setting key)
BIN=$(sed -n '/"programs"/,/}/s/^ *"postgres": *"\([^"]*\)",*$/\1/p' "$LAB/lab.json")
PGPASSWORD=$(setting admin_password) PGCONNECT_TIMEOUT=5 PGUSER=muster
export PGPASSWORD PGPORT PGCONNECT_TIMEOUT PGUSER GIT_TERMINAL_PROMPT=0 LC_ALL=C
export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost
WORK=$(mktemp -d)
trap 'exec 3>&- 2>/dev/null || true; rm -rf "$WORK"' EXIT
sql() { "$BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h "$1" -d "$2" -c "$3"; }
WRITE="CREATE TEMP TABLE proof (n int) ON COMMIT DROP"
git init --quiet --bare "$WORK/scratch.git"
begun=$(date +%s%N)

fence_database() {
  # A session from before: it writes once it is told to, after the fence.
  mkfifo "$WORK/say"
  "$BIN/psql" -XAtq -h $OLD -d app <"$WORK/say" >"$WORK/before.out" 2>&1 &
  before=$!
  exec 3>"$WORK/say"
  echo "SELECT 'open';" >&3
  while ! grep -q open "$WORK/before.out" 2>/dev/null; do sleep 0.005; done
  hba=$LAB/primary/pg_hba.conf
  cp -p "$hba" "$hba.new"
  {
    echo "# >>> fenced by muster: everybody but replication and muster itself is refused"
    echo "host postgres muster 127.0.0.0/8 scram-sha-256"
    echo "host replication replicator 127.0.0.0/8 scram-sha-256"
    echo "local all all reject"
    echo "host all all all reject"
    echo "# <<< fenced by muster"
    cat "$hba"
  } >"$hba.new"
  sync "$hba.new"
  mv "$hba.new" "$hba"
  sql $OLD postgres "SELECT pg_reload_conf()" >/dev/null
  # A new session is refused, as soon as the server goes by its changed rules.
  until "$BIN/psql" -XAtq -h $OLD -d app -c "SELECT 1" 2>&1 | grep -q "pg_hba.conf rejects"; do sleep 0.005; done
  while :; do
    left=$(sql $OLD postgres "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = \
      'client backend' AND NOT (datname = 'postgres' AND usename = current_user)")
    [ "$left" != 0 ] || break
    sleep 0.005
  done
  echo "BEGIN; $WRITE; COMMIT;" >&3 || true
  exec 3>&-
  if wait $before; then grep -q "terminating\|closed the connection" "$WORK/before.out" || fail "the old session could write"; fi
  sql $OLD postgres "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'muster', 'fenced')" >/dev/null
  sql $OLD postgres "SELECT pg_current_wal_lsn()" >"$WORK/fenced-at"
  # Once more from outside, as a step is proven after it was done.
  "$BIN/psql" -XAtq -h $OLD -d app -c "$WRITE" 2>&1 | grep -q "pg_hba.conf rejects" || fail "a new session gets in"
}

push() { git -C "$WORK/scratch.git" "$@"; }
commit() { git -C "$WORK/scratch.git" commit-tree -m "$1" 4b825dc642cb6eb9a060e54bf8d69288fbee4904; }

fence_git() {
  books=$LAB/primary/repositories/.muster
  proof=$LAB/primary/repositories/muster/proof.git
  [ -d "$proof" ] || git init --quiet --bare "$proof"
  git -C "$proof" config core.hooksPath "$books/hooks"
  mkdir -p "$WORK/hold"
  printf '#!/bin/sh\n: >%s/opened\nwhile [ ! -e %s/go ]; do sleep 0.005; done\n' "$WORK" "$WORK" >"$WORK/hold/pre-push"
  chmod +x "$WORK/hold/pre-push"
  url=http://$OLD:$GITPORT/git/muster/proof.git
  # A push from before, which has its session and waits.
  one=$(commit before)
  push -c core.hooksPath="$WORK/hold" push --quiet --force "$url" "$one:refs/heads/proof" >"$WORK/push-before" 2>&1 &
  held=$!
  while [ ! -e "$WORK/opened" ]; do sleep 0.005; done
  printf 'a drill has stopped them\n' >"$books/fence.part" && mv "$books/fence.part" "$books/fence"
  for note in "$books"/under-way/*; do
    while [ -e "$note" ] && kill -0 "${note##*/}" 2>/dev/null; do sleep 0.01; done
  done
  : >"$WORK/go"
  if wait $held || ! grep -q "pushes are refused here" "$WORK/push-before"; then fail "a push from before the fence was let in"; fi
  for again in 1 2; do
    two=$(commit "after $again")
    if push push --quiet --force "$url" "$two:refs/heads/proof" >"$WORK/push-after" 2>&1; then fail "a push was let in"; fi
    grep -q "pushes are refused here" "$WORK/push-after" || fail "a push was not refused: $(cat "$WORK/push-after")"
  done
}

fence_database &
one=$!
fence_git &
two=$!
wait $one && wait $two || fail "a fence could not be set"

fenced=$(cat "$WORK/fenced-at")
until [ "$(sql $NEW postgres "SELECT pg_last_wal_replay_lsn() >= '$fenced'")" = t ]; do sleep 0.01; done
[ "$(sql $NEW postgres "SELECT pg_promote(false)")" = t ] || fail "it was not promoted"
until [ "$(sql $NEW postgres "SELECT pg_is_in_recovery()")" = f ]; do sleep 0.01; done
sql $NEW app "BEGIN; $WRITE; COMMIT" || fail "the new primary takes no write"
sql $NEW postgres "SELECT timeline_id FROM pg_control_checkpoint()" >/dev/null

books=$LAB/secondary/repositories/.muster
proof=$LAB/secondary/repositories/muster/proof.git
count() { echo $(($(cat "$1/base") + $(wc -l <"$1/pushes"))); }
until [ "$(cat "$books/copied")" -ge "$(count "$LAB/primary/repositories/.muster")" ]; do sleep 0.01; done
cp "$books/copied" "$books/base"
: >"$books/pushes"
echo primary >"$books/role.part" && mv "$books/role.part" "$books/role"
[ -d "$proof" ] || git init --quiet --bare "$proof"
git -C "$proof" config core.hooksPath "$books/hooks"
push push --quiet --force "http://$NEW:$GITPORT/git/muster/proof.git" "$(commit proof):refs/heads/proof" || fail "a push was refused"

promoted=$(date +%s%N)
ask() { kdig "@127.0.0.1" -p "$1" +norec +short "$2" "$3"; }
for name in code git; do
  [ "$(ask "$FIRST" $name.lab.test A)" = $OLD ] || fail "$name is not as expected"
  knsupdate -y "hmac-sha256:muster:$KEY" -v >/dev/null <<UPDATE || fail "$name was not changed"
server 127.0.0.1 $FIRST
zone lab.test.
prereq yxrrset $name.lab.test. IN A $OLD
update del $name.lab.test. A
update add $name.lab.test. 5 A $NEW
send
UPDATE
done
serial=$(ask "$FIRST" lab.test SOA | cut -d' ' -f3)
for name in code git; do
  for server in "$FIRST" "$SECOND"; do
    until [ "$(ask "$server" lab.test SOA | cut -d' ' -f3)" -ge "$serial" ] && [ "$(ask "$server" $name.lab.test A)" = $NEW ]; do
      sleep 0.01
    done
  done
done
echo $((($(date +%s%N) - begun) / 1000000)) $(((promoted - begun) / 1000000))

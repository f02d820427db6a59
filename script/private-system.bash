# Functions that run a private system on free ports. It ends with the script that sources this file
# and sets $root to the checkout's folder.

# Variables for another system must not reach this one.
for name in PORT BASE_URL LOCAL_URL DATABASE_URL REDIS_URL CLIENT_IP_HEADER EXODRIVE_STATE_DIR \
  EXODRIVE_CRONS EXODRIVE_WEBHOOKS EXODRIVE_ROOT SUPABASE_PUBLISHABLE_KEY SUPABASE_ANON_KEY ${!PG@} \
  $(sed -nE 's/^(# )?([A-Z0-9_]+)=.*/\2/p' "$root/.env.example"); do
  unset "$name"
done

# A busy machine must not look like an outage of Redis.
export REDIS_TIMEOUT_MS=2000

work=$(mktemp -d "${TMPDIR:-/tmp}/exodrive.XXXXXX")
# Under root, PostgreSQL runs as another user, which must be able to enter subfolders.
chmod 711 "$work"
state=$work/state
started=()
# Stops the processes in reverse order, so that a host stops before its upstreams.
stop() {
  local at
  for ((at = ${#started[@]} - 1; at >= 0; at--)); do
    kill "${started[at]}" 2>/dev/null || true
    wait "${started[at]}" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND...: runs COMMAND in the background, with its output in $work/NAME.log.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  started+=($!)
}

# until_ready NAME COMMAND...: waits until COMMAND succeeds. Fails if the process started last ends.
until_ready() {
  local name=$1 tries
  shift
  for ((tries = 0; tries < 3000; tries++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    kill -0 "${started[${#started[@]} - 1]}" 2>/dev/null || break
    sleep 0.2
  done
  printf '%s: %s did not start:\n' "${0##*/}" "$name" >&2
  cat "$work/$name.log" >&2
  exit 1
}

# start_system [ARGUMENT...]: starts the local system on free ports and exports its variables.
start_system() {
  export ALLOWED_ORIGINS=https://shop.example
  EXODRIVE_ROOT=$root EXODRIVE_STATE_DIR=$state EXODRIVE_CRONS=off EXODRIVE_WEBHOOKS=off \
    start system "${CARGO_TARGET_DIR:-$root/target}/debug/exodrive-local" "$@"
  until_ready system test -f "$state/environment"
  set -a
  # shellcheck disable=SC1091
  source "$state/environment"
  set +a
}

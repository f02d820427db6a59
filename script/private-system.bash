# A private system on free ports, gone when the script that sources this ends. Sourced by the commands of this folder, with
# the checkout's folder in $root.

# What the caller's shell says about some other system must not reach this one.
for name in $(compgen -e); do
  case $name in
    PORT | ADMIN_TOKEN | CRON_SECRET | BOOKING_TOKEN_SECRET | BASE_URL | LOCAL_URL | PUBLIC_BASE_URL | DATABASE_URL | REDIS_URL | \
      DISABLE_REDIS | REDIS_BYPASS | TRUSTED_IP_HEADER | CLIENT_IP_HEADER | ALLOWED_ORIGINS | COMMIT_SHA | SUPABASE_* | UPSTASH_* | KV_* | \
      PAYPAL_* | RATE_LIMIT_* | EXODRIVE_STATE_DIR | EXODRIVE_CRONS | EXODRIVE_WEBHOOKS | EXODRIVE_ROOT | PG*) unset "$name" ;;
  esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/exodrive.XXXXXX")
# PostgreSQL runs under a user of its own when this is root; it must be able to pass through.
chmod 711 "$work"
state=$work/state
started=()
# The last of them first: a host before what it calls.
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

# start NAME COMMAND...: runs it in the background, with its output in $work/NAME.log.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  started+=($!)
}

# until_ready NAME COMMAND...: waits until the command succeeds; fails when what was started last has ended.
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

# start_system [ARGUMENT...]: the local system on free ports, and its variables in our environment.
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

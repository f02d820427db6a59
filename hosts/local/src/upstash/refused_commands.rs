//! The commands that the service refuses.
//!
//! All clients share one connection. No command may change its state, block it, or turn it into a
//! subscription. Commands that administer the server are refused too.

use super::command::Command;

const UNAVAILABLE: &[&[u8]] = &[
    // Block the connection.
    b"BLPOP",
    b"BRPOP",
    b"BRPOPLPUSH",
    b"BLMOVE",
    b"BLMPOP",
    b"BZPOPMIN",
    b"BZPOPMAX",
    b"BZMPOP",
    b"WAIT",
    b"WAITAOF",
    // Turn the connection into a subscription.
    b"SUBSCRIBE",
    b"PSUBSCRIBE",
    b"SSUBSCRIBE",
    b"UNSUBSCRIBE",
    b"PUNSUBSCRIBE",
    b"SUNSUBSCRIBE",
    b"MONITOR",
    // Change the state of the connection.
    b"MULTI",
    b"EXEC",
    b"DISCARD",
    b"WATCH",
    b"UNWATCH",
    b"AUTH",
    b"HELLO",
    b"SELECT",
    b"RESET",
    b"QUIT",
    b"CLIENT",
    b"READONLY",
    b"READWRITE",
    b"ASKING",
    // Administer the server.
    b"ACL",
    b"BGREWRITEAOF",
    b"BGSAVE",
    b"CLUSTER",
    b"CONFIG",
    b"DEBUG",
    b"FAILOVER",
    b"LATENCY",
    b"MEMORY",
    b"MIGRATE",
    b"MODULE",
    b"MOVE",
    b"PSYNC",
    b"REPLCONF",
    b"REPLICAOF",
    b"RESTORE-ASKING",
    b"ROLE",
    b"SAVE",
    b"SHUTDOWN",
    b"SLAVEOF",
    b"SLOWLOG",
    b"SWAPDB",
    b"SYNC",
];

/// The error text for a refused command.
pub(super) fn refusal(command: &Command) -> Option<String> {
    let name = command.name();
    let blocking_read = (name == b"XREAD" || name == b"XREADGROUP")
        && command
            .options()
            .any(|word| word.eq_ignore_ascii_case(b"BLOCK"));
    (name.is_empty() || blocking_read || UNAVAILABLE.contains(&name.as_slice()))
        .then(|| unavailable_error(&name))
}

/// The error text for a refused or unknown command.
pub(super) fn unavailable_error(name: &[u8]) -> String {
    format!(
        "ERR Command is not available: '{}'. See https://upstash.com/docs/redis/overall/compatibility for details",
        String::from_utf8_lossy(name)
    )
}

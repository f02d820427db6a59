//! Running commands as an operator would type them.

use crate::support::environment::variable_or;
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

/// Names and values.
pub(super) type Variables = [(&'static str, String)];

/// Every operator has an address of their own, so that nobody else's requests count against their limits. What a block
/// writes to a file is written to a folder that is gone afterwards.
const AT_A_DESK: &str = r#"
desk=$(mktemp -d)
trap 'rm -rf "$desk"' EXIT
cd "$desk"
curl() { command curl --max-time 60 -H "$CLIENT" "$@"; }
"#;

/// What a command prints.
pub(super) async fn run(
    command: &str,
    address: &str,
    variables: &Variables,
) -> Result<String, String> {
    let header = variable_or("CLIENT_IP_HEADER", "x-forwarded-for");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("{AT_A_DESK}{command}")])
        .env("CLIENT", format!("{header}: {address}"))
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(printed)
    } else {
        let failed = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}\n{printed}{failed}", output.status))
    }
}

/// Starts a system, says where it is and ends it when nobody listens any more.
const SYSTEM: &str = r#"
source "$root/script/private-system.bash"
export "$SWITCH"
PORT=0 start_system
printf '%s\n' "$BASE_URL" "$ADMIN_TOKEN"
date -u -d '+60 days' +%F
date -u -d '+64 days' +%F
read -r _ || true
"#;

/// A system of one's own, whose product was started with another environment.
pub(super) struct Other {
    script: Child,
    /// While this is open the system runs.
    listening: Option<ChildStdin>,
    variables: Vec<(&'static str, String)>,
}

impl Other {
    /// Starts one with `NAME=value`.
    pub(super) async fn start(switch: &str) -> Self {
        let mut script = Command::new("bash")
            .args(["-euo", "pipefail", "-c", SYSTEM])
            .env("root", env!("CARGO_MANIFEST_DIR"))
            .env("SWITCH", switch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let listening = script.stdin.take();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let mut variables = Vec::new();
        for name in ["BASE_URL", "ADMIN_TOKEN", "START_DATE", "END_DATE"] {
            let line = lines.next_line().await.unwrap();
            variables.push((name, line.expect("the system starts: see its output above")));
        }
        Self {
            script,
            listening,
            variables,
        }
    }

    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Ends it, and waits until it is gone.
    pub(super) async fn end(mut self) {
        self.listening = None;
        assert!(self.script.wait().await.unwrap().success());
    }
}

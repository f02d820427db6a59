//! The shell of the runbook's commands.

use crate::support::environment::variable_or;
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

/// Names and values.
pub(super) type Variables = [(&'static str, String)];

/// Runs before each command: a temporary working folder, and a `curl` with its own client address.
const PRELUDE: &str = r#"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
curl() { command curl --max-time 60 -H "$CLIENT" "$@"; }
"#;

/// Runs a command from `address`, and returns its output.
pub(super) async fn run(
    command: &str,
    address: &str,
    variables: &Variables,
) -> Result<String, String> {
    let header = variable_or("CLIENT_IP_HEADER", "x-forwarded-for");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("{PRELUDE}{command}")])
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

/// Starts a system, prints its variables, and stops it when the standard input closes.
const SYSTEM: &str = r#"
source "$root/script/private-system.bash"
export "$SWITCH"
PORT=0 start_system
printf '%s\n' "$BASE_URL" "$ADMIN_TOKEN"
date -u -d '+60 days' +%F
date -u -d '+64 days' +%F
read -r _ || true
"#;

/// A system for one test, with another environment.
pub(super) struct PrivateSystem {
    script: Child,
    /// The system runs until this closes.
    input: Option<ChildStdin>,
    variables: Vec<(&'static str, String)>,
}

impl PrivateSystem {
    /// Starts a system with `NAME=value` in its environment.
    pub(super) async fn start(switch: &str) -> Self {
        let mut script = Command::new("bash")
            .args(["-euo", "pipefail", "-c", SYSTEM])
            .env("root", env!("CARGO_MANIFEST_DIR"))
            .env("SWITCH", switch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = script.stdin.take();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let mut variables = Vec::new();
        for name in ["BASE_URL", "ADMIN_TOKEN", "START_DATE", "END_DATE"] {
            let line = lines.next_line().await.unwrap();
            variables.push((name, line.expect("the system starts, see its output above")));
        }
        Self {
            script,
            input,
            variables,
        }
    }

    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Stops the system, and waits until its processes have ended.
    pub(super) async fn stop(mut self) {
        self.input = None;
        assert!(self.script.wait().await.unwrap().success());
    }
}

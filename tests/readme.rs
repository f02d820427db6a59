//! Runs the booking with curl from the README.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads its own environment and ends at the first surprise"
)]

use std::{env, fs, process::Command};

#[test]
fn readme_booking_is_captured() {
    let base = env::var("BASE_URL").expect("BASE_URL is not set: run script/test");
    let secret = env::var("CRON_SECRET").expect("CRON_SECRET is not set: run script/test");
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let script = readme
        .split("```bash\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert!(script.contains("base=http://localhost:3000\n. .local/environment"));
    // Use the address and the secret of the system under test.
    let script = script
        .replace("http://localhost:3000", &base)
        .replace(". .local/environment", &format!("CRON_SECRET={secret}"));

    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .output()
        .unwrap();
    let output_text = String::from_utf8_lossy(&output.stdout);
    let error_text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{output_text}\n{error_text}");
    assert!(output_text.contains("\"bookable\": true"), "{output_text}");
    assert!(
        output_text.contains("\"total\": \"237.60\""),
        "{output_text}"
    );
    assert!(
        output_text.contains("\"status\":\"upcoming\""),
        "{output_text}"
    );
    assert!(
        output_text.contains("\"status\": \"captured\""),
        "{output_text}"
    );
}

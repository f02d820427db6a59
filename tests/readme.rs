//! The README's booking in curl, run as it is written.

#![expect(
    clippy::disallowed_methods,
    reason = "a test fails on what is missing, and reads where the system is"
)]

use std::{env, fs, process::Command};

#[test]
fn the_booking_in_curl_ends_with_a_captured_payment() {
    let base = env::var("BASE_URL").expect("BASE_URL is not set: run script/test");
    let secret = env::var("CRON_SECRET").expect("CRON_SECRET is not set: run script/test");
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let story = readme
        .split("```bash\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert!(story.contains("base=http://localhost:3000\n. .local/environment"));
    // Where this system is, and what it made up, instead of the one that a person started.
    let story = story
        .replace("http://localhost:3000", &base)
        .replace(". .local/environment", &format!("CRON_SECRET={secret}"));

    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &story])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{failed}");
    assert!(shown.contains("\"bookable\": true"), "{shown}");
    assert!(shown.contains("\"total\": \"237.60\""), "{shown}");
    assert!(shown.contains("\"status\":\"upcoming\""), "{shown}");
    assert!(shown.contains("\"status\": \"captured\""), "{shown}");
}

//! The function behind `/api/webhooks/retry`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("webhooks/retry")
}

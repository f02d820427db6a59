//! The function behind `/api/webhooks/retry`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("webhooks/retry")
}

//! The function behind `/api/webhooks/paypal`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("webhooks/paypal")
}

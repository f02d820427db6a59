//! The function behind `/api/webhooks/paypal`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("webhooks/paypal")
}

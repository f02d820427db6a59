//! The function behind `/api/admin/process-payment-captures`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/process-payment-captures")
}

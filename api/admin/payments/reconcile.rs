//! The function behind `/api/admin/payments/reconcile`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/payments/reconcile")
}

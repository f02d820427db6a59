//! The function behind `/api/admin/payments/reconcile`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/payments/reconcile")
}

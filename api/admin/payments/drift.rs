//! The function behind `/api/admin/payments/drift`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/payments/drift")
}

//! The function behind `/api/admin/webhooks/{id}/replay`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/webhooks/replay")
}

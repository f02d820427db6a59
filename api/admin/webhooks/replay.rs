//! The function behind `/api/admin/webhooks/{id}/replay`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/webhooks/replay")
}
